// SPDX-License-Identifier: MIT
// The requests that a guest program can send to the host. Programs send them with vm/host.ts, and vm/host-actions.ts
// answers them.

/** Values of a device's properties, as QEMU's `device_add` takes them. */
export type DeviceProperties = Readonly<Record<string, string | number | boolean>>;

/** An AER error as QEMU's `pcie_aer_inject_error` names it. */
export type AerError =
  | 'DLP'
  | 'SDN'
  | 'POISON_TLP'
  | 'FCP'
  | 'COMP_TIME'
  | 'COMP_ABORT'
  | 'UNX_COMP'
  | 'RX_OVER'
  | 'MALF_TLP'
  | 'ECRC'
  | 'UNSUP'
  | 'ACSV'
  | 'INTERNAL'
  | 'RCVR'
  | 'BAD_TLP'
  | 'BAD_DLLP'
  | 'REP_ROLL'
  | 'REP_TIME';

/** Upper limits. 0 or an absent field means no limit. */
export interface ThrottleLimits {
  readonly bytesPerSecond?: number;
  readonly operationsPerSecond?: number;
}

/** The arguments of each action. */
export interface Actions {
  unplug: { readonly id: string };
  untilUnplugged: { readonly id: string };
  plug: { readonly model: string; readonly id: string; readonly properties: DeviceProperties };
  injectError: { readonly port: string; readonly error: AerError };
  throttle: { readonly id: string; readonly limits: ThrottleLimits };
  writeConfig: { readonly address: string; readonly offset: number; readonly value: number };
  readMemory: { readonly address: number; readonly bytes: number };
}

export type Request = {
  [Name in keyof Actions]: { readonly action: Name } & Actions[Name];
}[keyof Actions];

/** The host's answer. Without `error`, the action succeeded. `value` is the result of an action that returns one. */
export interface Reply {
  readonly error?: string;
  readonly value?: string;
}
