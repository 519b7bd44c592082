// SPDX-License-Identifier: MIT
// The machine of memory devices that the calls run on, and the actions of its hardware.
import { type MemoryDevice, syscalls, useMachine } from '../../../tools/testing-addon.js';
import { type Draw, pick } from './random.js';

/** The devices are in a domain that no computer has: a call that reaches the real sysfs finds nothing there. */
const DEVICES = ['f00d:00:01.0', 'f00d:00:01.1', 'f00d:00:02.0'] as const;

/** The addresses to call with. One has no device. */
export const ADDRESSES: readonly string[] = [...DEVICES, 'f00d:00:03.0'];

const [first, second, third] = DEVICES;

export interface Hardware {
  /** Whether a container or device is still open on it. */
  readonly inUse: boolean;
  /** Makes one random action of the hardware or the kernel. Returns its name. */
  act(draw: Draw): string;
  /** Ends all delays and failures that could block a call. */
  relent(): void;
}

/** Makes a machine with two groups. From now on, containers open on it. */
export function makeMachine(): Hardware {
  syscalls().reset();
  const machine = useMachine(
    {
      address: first,
      group: 1,
      bars: [{ size: 0x4000 }, { size: 0x100, mappable: false }, { size: 0x1000 }],
      rom: 0x1000,
      intx: 1,
      msi: 4,
      msix: 8,
    },
    { address: second, group: 1, bars: [{ size: 0x2000, sparse: [[0, 0x1000]] }], msix: 2 },
    { address: third, group: 2, bars: [{ size: 0x1000 }], intx: 1, reset: false, err: false },
  );
  const devices = DEVICES.map((address) => machine.device(address));
  return {
    get inUse() {
      const open = devices.some((device) => device.counts().functions > 0);
      return open || machine.counts().containers > 0;
    },
    act(draw) {
      const device = pick(draw, devices) as MemoryDevice;
      const [name, action] = pick(draw, actions) as (typeof actions)[number];
      action(device, draw);
      return name;
    },
    relent() {
      syscalls().reset();
      for (const device of devices) device.setDecode(true);
    },
  };
}

const EINVAL = 22;
const errnos = [1, 5, 12, 16, EINVAL, 28];

const actions: readonly [string, (device: MemoryDevice, draw: Draw) => void][] = [
  ['memory decode off', (device) => device.setDecode(false)],
  ['memory decode on', (device) => device.setDecode(true)],
  ['memory decode on', (device) => device.setDecode(true)],
  ['an interrupt', (device, draw) => void device.raise(draw(3), draw(4))],
  ['a thousand interrupts', (device, draw) => void device.raiseMany(1 + draw(2), 0, 1000)],
  ['INTx lowered', (device) => device.lowerIntx()],
  ['a fault', (device) => device.notify({ fault: true })],
  ['a request', (device, draw) => device.notify({ requested: draw(4) === 0 })],
  ['a loss', (device, draw) => (draw(8) === 0 ? device.lose() : undefined)],
  ['a slow open', (device, draw) => device.opening.delay(draw(4))],
  ['a slow reset', (device, draw) => device.resetting.delay(draw(4))],
  ['a slow close', (device, draw) => device.closing.delay(draw(4))],
  ['an open that fails', (device, draw) => device.opening.failNext(pick(draw, errnos) ?? EINVAL)],
  ['a reset that fails', (device, draw) => device.resetting.failNext(pick(draw, errnos) ?? EINVAL)],
  [
    'a system call that fails',
    (_device, draw) => syscalls().fail(1 + draw(6), pick(draw, errnos) ?? EINVAL),
  ],
];
