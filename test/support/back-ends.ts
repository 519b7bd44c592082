// SPDX-License-Identifier: MIT
// The back ends that the contract suites run on, each with its devices. A new back end is one line of `backEnds`.
import { Container, type Device, type OpenOptions, openDevice } from '../../lib/index.js';
import { edu, nvme, pair, type VmDevice } from '../../vm/devices.js';
import type { Backend } from '../harness/titles.js';
import { groupOf, useBound } from './bound.js';
import { type Held, useOpen } from './held.js';
import { hotResetGap } from './hot-reset-gap.js';
import { describeOn } from './subject.js';

/** A device: the address that opens it, and its ids. */
export type ContractDevice = Pick<VmDevice, 'address' | 'vendor' | 'device'>;

/** The devices that every back end has. vm/devices.ts says what they can do. */
interface Devices {
  readonly edu: ContractDevice;
  readonly nvme: ContractDevice;
  /** Two edu devices whose DMA reaches 28 address bits. */
  readonly pair: readonly [ContractDevice, ContractDevice];
}

/** The valid IOVAs: 0 to `last`, except the window of message-signalled interrupts. */
interface Iovas {
  readonly msiWindow: { readonly first: bigint; readonly last: bigint };
  readonly last: bigint;
}

interface BackEnd {
  readonly backend: Backend;
  /** The options of `Container.open` and `openDevice` that select this back end. */
  readonly chosenBy: object;
  readonly devices: Devices;
  readonly iovas: Iovas;
  /** The IOMMU group that a device is in. */
  readonly groupOf: (device: ContractDevice) => number;
  /** Why nvme cannot be hot-reset here; undefined if it can. */
  readonly hotResetGap: string | undefined;
  /** Prepares devices so that the tests of a group can open them, and undoes this after the tests. */
  readonly useReady: (...devices: ContractDevice[]) => void;
}

/** Kernel VFIO in the test machine, whose IOMMU translates 39 bits. */
const inMachine = {
  devices: { edu, nvme, pair },
  iovas: { msiWindow: { first: 0xfee0_0000n, last: 0xfeef_ffffn }, last: 2n ** 39n - 1n },
  groupOf,
  hotResetGap,
  useReady: useBound,
};

const backEnds: readonly BackEnd[] = [{ backend: 'type1', chosenBy: {}, ...inMachine }];

/** A back end as a suite uses it. */
export interface ContractSubject extends BackEnd {
  openContainer(): Promise<Container>;
  /** Opens a device in its own container, unless the options name another. */
  openDevice(device: ContractDevice, options?: OpenOptions): Promise<Device>;
  /** Opens a device before the tests of this group. After them, it closes the device and undoes the preparation. */
  useDevice(device: ContractDevice): Held;
}

function subjectOf(backEnd: BackEnd): ContractSubject {
  const { chosenBy, useReady } = backEnd;
  const openDeviceOn: ContractSubject['openDevice'] = ({ address }, options) =>
    openDevice(address, { ...chosenBy, ...options });
  return {
    ...backEnd,
    openContainer: () => Container.open({ ...chosenBy }),
    openDevice: openDeviceOn,
    useDevice: (device) =>
      useOpen(
        () => useReady(device),
        () => openDeviceOn(device),
      ),
  };
}

/** Makes one group of tests for each back end. The title of a group names the back end and its device. */
export function describeContract(
  { device }: { device?: 'edu' | 'nvme' },
  title: string,
  body: (subject: ContractSubject) => void,
): void {
  for (const backEnd of backEnds) {
    const { backend } = backEnd;
    const on = device === undefined ? { backend } : { backend, device };
    describeOn(on, title, () => body(subjectOf(backEnd)));
  }
}
