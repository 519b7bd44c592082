// SPDX-License-Identifier: MIT
// What is known about an interrupt that did not come: the state of the device that can be read truly.
import type { BarArea } from '../capabilities/msix.js';
import type { ConfigSpace } from '../config-space.js';
import type { VfioError } from '../errors.js';
import type { InterruptType } from '../interrupts/types.js';
import type { Region } from '../region.js';
import { contains } from '../region-info.js';
import { refusalError } from './failure.js';
import type { InterruptState, SilentInterrupt } from './finding.js';

/** The registers of a device, as far as this thread has them. */
export interface DeviceRegisters {
  readonly config: ConfigSpace | undefined;
  /** Can throw, for example for a region that is not lent. */
  region(index: number): Region | undefined;
}

/**
 * The error for an interrupt that did not come in time. Only a wait reads the device. With a `timeout` of 0, a
 * program checks as often as it likes, and finding nothing is no fault.
 */
export function silentInterrupt(
  wait: Omit<SilentInterrupt, 'finding' | 'state'>,
  registers: DeviceRegisters | undefined,
): VfioError {
  const { timeout, type, vector } = wait;
  const looks = timeout > 0 && registers !== undefined;
  const state = looks ? readInterruptState(registers, type, vector) : {};
  return refusalError({ finding: 'no-interrupt', ...wait, state });
}

/** Reads the state of one vector. What cannot be read, or not truly, is missing. */
export function readInterruptState(
  registers: DeviceRegisters,
  type: InterruptType,
  vector: number,
): InterruptState {
  const { config } = registers;
  if (config === undefined) return {};
  const header = known(() => readHeader(config, type));
  if (header.noAnswer !== undefined || type !== 'msix') return header;
  return { ...header, ...readMsix(config, registers, vector) };
}

const bit = { busMaster: 0x4, intxDisable: 0x400, intxRaised: 0x8 };

/**
 * vfio-pci shows its own copy of the INTx disable bit: it is set if the driver set it. All other bits that
 * are read here are those of the device.
 */
function readHeader(config: ConfigSpace, type: InterruptType): InterruptState {
  const { command } = config;
  if (command === 0xffff) return { noAnswer: 'all-ones' };
  const busMaster = (command & bit.busMaster) !== 0;
  if (type !== 'intx') return { busMaster };
  return {
    busMaster,
    intxDisabled: (command & bit.intxDisable) !== 0,
    intxRaised: (config.status & bit.intxRaised) !== 0,
  };
}

const entry = { bytes: 16, control: 12 };
const allOnes = 0xffff_ffff;

/**
 * The capability of MSI-X is the device's own: vfio-pci only ignores writes to it. That of MSI is a copy, in
 * which neither the enable bit nor the mask and pending bits are true.
 */
function readMsix(config: ConfigSpace, registers: DeviceRegisters, vector: number): InterruptState {
  return known(() => {
    const msix = config.capability('msix');
    if (msix === undefined) return {};
    return {
      msixEnabled: msix.enabled,
      functionMasked: msix.masked,
      ...known(() => readTable(registers, msix.table, vector)),
      ...known(() => readPending(registers, msix.pba, vector)),
    };
  });
}

/** The table reads as all ones where it is not mapped. */
function readTable(registers: DeviceRegisters, table: BarArea, vector: number): InterruptState {
  const offset = table.offset + vector * entry.bytes + entry.control;
  const region = barOf(registers, table);
  if (region === undefined || !isMappable(region, offset)) return {};
  const control = region.read32(offset);
  return control === allOnes ? {} : { vectorMasked: (control & 1) !== 0 };
}

function readPending(registers: DeviceRegisters, pba: BarArea, vector: number): InterruptState {
  const region = barOf(registers, pba);
  if (region === undefined) return {};
  const word = region.read32(pba.offset + (vector >>> 5) * 4);
  return word === allOnes ? {} : { pending: ((word >>> (vector & 31)) & 1) !== 0 };
}

/** The register has three bits for the index, and 6 and 7 are no BARs. */
function barOf(registers: DeviceRegisters, { bar }: BarArea): Region | undefined {
  return bar < 6 ? registers.region(bar) : undefined;
}

function isMappable({ mappableAreas }: Region, offset: number): boolean {
  return mappableAreas.some((area) => contains(area, { offset, byteLength: 4 }));
}

/** A device that is closed, lost or in a reset tells nothing else, and that must not hide the time-out. */
function known(read: () => InterruptState): InterruptState {
  try {
    return read();
  } catch (failure) {
    const { code } = Object(failure) as { code?: unknown };
    if (code === 'ERR_VFIO_LOST') return { noAnswer: 'gone' };
    return code === 'ERR_VFIO_BUSY' ? { noAnswer: 'in-reset' } : {};
  }
}
