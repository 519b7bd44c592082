// SPDX-License-Identifier: MIT
// Power management: the power states that a function has, and the one it is in.
import type { CapabilityHeader, Decode } from './header.js';

/** A power state: `D0` is on, `D3hot` is the deepest state in which config space still answers. */
export type PowerState = 'D0' | 'D1' | 'D2' | 'D3hot';

/** The states by their number in PMCSR. */
export const powerStates: readonly PowerState[] = ['D0', 'D1', 'D2', 'D3hot'];

/** The offset of PMCSR, the register that holds the power state. */
export const powerControl = 0x04;

/**
 * Power management (PCI Express Base 6.0, section 7.5.2; `PCI_CAP_ID_PM`, 0x01). {@link Device.powerState}
 * changes the state.
 *
 * vfio-pci lets a program change the power state. It hides power management events (PME): their bits read as 0.
 */
export interface PowerManagementCapability extends CapabilityHeader<'powerManagement'> {
  /** The states that the function has. `D0` and `D3hot` are always among them. */
  readonly states: readonly PowerState[];
  /** The state that it was in when it was read. */
  readonly state: PowerState;
  /** Whether the function keeps its registers on the way from D3hot to D0. If not, it resets itself then. */
  readonly noSoftReset: boolean;
}

const control = { state: 0x3, noSoftReset: 0x8 };
/** Bits of the capabilities register. The other two states are mandatory. */
const optional: Partial<Record<PowerState, number>> = { D1: 0x0200, D2: 0x0400 };

export const powerManagement: Decode<PowerManagementCapability> = (content) => {
  const capabilities = content.u16(0x02);
  const status = content.u16(powerControl);
  return {
    states: powerStates.filter(
      (state) => optional[state] === undefined || (capabilities & optional[state]) !== 0,
    ),
    state: stateOf(status),
    noSoftReset: (status & control.noSoftReset) !== 0,
  };
};

/** The power state in a value of PMCSR. */
export function stateOf(status: number): PowerState {
  return powerStates[status & control.state] as PowerState;
}
