// SPDX-License-Identifier: MIT
// The findings of a diagnosis as plain data: name, facts, and the writes to sysfs that fix the problem. The file
// words.ts puts each finding into words.

import type { AffectedDevice } from '../affected-device.js';
import type { InterruptType } from '../interrupts/types.js';
import type { NativeFailure } from '../native.js';
import type { PciDevice } from '../pci.js';
import type { DiskUse } from '../sysfs/disks.js';
import type { Holder } from '../sysfs/holders.js';
import type { DefaultRoute } from '../sysfs/networks.js';
import type { SysfsWrite } from '../sysfs/steps.js';

/** A finding that is an error on its own, even if no call has failed. */
export type Refusal =
  | { finding: 'no-such-device'; address: string }
  /** The device is in no IOMMU group. */
  | { finding: 'not-isolated'; address: string; isAnyIommuOn: boolean }
  | { finding: 'vfio-pci-not-loaded'; address: string }
  /** The device is a bridge, and vfio-pci does not accept bridges. */
  | { finding: 'bridge'; address: string }
  | { finding: 'virtual-functions-exist'; address: string; count: number; steps: SysfsWrite[] }
  /** The device is on vfio-pci's denylist. */
  | { finding: 'denylisted'; address: string }
  | { finding: 'disk-in-use'; address: string; uses: DiskUse[] }
  | { finding: 'default-route'; address: string; routes: DefaultRoute[] }
  | SilentInterrupt
  | PollTimeout
  | FieldTimeout;

/** An interrupt that did not come in time. */
export interface SilentInterrupt {
  finding: 'no-interrupt';
  address: string;
  type: InterruptType;
  vector: number;
  /** In milliseconds. */
  timeout: number;
  /** How many interrupts this thread has had from the vector. */
  arrived: number;
  /** Why INTx is masked still, if it is: the program called mask(), or a listener is not done. */
  masked: 'by-mask' | 'until-served' | undefined;
  state: InterruptState;
}

/** The state of an interrupt vector in the device. What cannot be read, or not truly, is missing. */
export interface InterruptState {
  /** Why the device cannot be asked: config space reads as all ones, or the library refuses the access. */
  noAnswer?: 'all-ones' | 'gone' | 'in-reset';
  busMaster?: boolean;
  /** Whether the driver has set the INTx disable bit. */
  intxDisabled?: boolean;
  /** Whether the device raises its INTx line. */
  intxRaised?: boolean;
  msixEnabled?: boolean;
  functionMasked?: boolean;
  vectorMasked?: boolean;
  pending?: boolean;
}

/** A register that did not become the awaited value in time. */
export interface PollTimeout {
  finding: 'not-reached';
  address: string;
  /** The name of the region, like `BAR0`. */
  region: string;
  offset: number;
  mask: number;
  value: number;
  /** The value that was read last. */
  last: number;
  /** In milliseconds. */
  timeout: number;
}

/** Fields of a register that did not become the awaited values in time. */
export interface FieldTimeout {
  finding: 'fields-not-reached';
  /** Undefined if the space has none. */
  address: string | undefined;
  /** Whether it lies in DMA memory, which the device writes. */
  isMemory: boolean;
  /** The register and its space, like `STATUS of BAR0 of 0000:01:00.0`. */
  register: string;
  /** The awaited values, like `LU=1`. */
  awaited: string;
  /** The value that was read last, like `STATUS 0x00000080 LU=0`. */
  last: string;
  /** Whether all bits of that value were ones. */
  isAllOnes: boolean;
  /** In milliseconds. */
  timeout: number;
}

/** Why a device or a group was not opened. */
type OpenFinding =
  | {
      finding: 'device-not-bound';
      address: string;
      driver: string | undefined;
      steps: SysfsWrite[];
    }
  | { finding: 'no-such-group'; group: number }
  /** No device of the group is bound to VFIO. */
  | { finding: 'group-not-bound'; group: number; members: PciDevice[] }
  | { finding: 'group-not-viable'; group: number; blockers: PciDevice[] }
  /**
   * The kernel offers the group without an IOMMU, through `node`. `address` is undefined if a group was to be opened.
   */
  | { finding: 'unsafe-no-iommu'; address: string | undefined; group: number; node: string }
  /** The physical function is bound to VFIO and shares its token with this virtual function. */
  | { finding: 'token-of-physical'; address: string; physical: string; isTokenGiven: boolean }
  /** Virtual functions of this physical function are open. */
  | { finding: 'token-of-virtual'; address: string; isTokenGiven: boolean }
  | { finding: 'no-token'; address: string }
  | { finding: 'no-answer'; address: string; steps: SysfsWrite[] };

/** Why a VFIO device node was not opened. */
type NodeFinding =
  | { finding: 'vfio-not-loaded' }
  | { finding: 'node-missing'; path: string }
  /** The node is left over from an earlier group with that number. */
  | { finding: 'node-stale'; path: string }
  /** The node's mode and owner do not let `user` open it. `owner` is undefined if that user cannot read it. */
  | {
      finding: 'node-not-permitted';
      path: string;
      owner: NodeOwner | undefined;
      user: number | undefined;
    }
  /** The control group does not allow the node. */
  | { finding: 'node-not-allowed'; path: string }
  /** The node can be open only once. `holders` is empty if this user cannot inspect the process. */
  | { finding: 'node-held'; path: string; holders: Holder[] };

/** Who may open a file. */
export interface NodeOwner {
  /** The permission bits. */
  mode: number;
  user: number;
  group: number;
}

/** Why another operation was refused. */
type OtherFinding =
  /** Locking `bytes` more would exceed RLIMIT_MEMLOCK of the process `pid`. */
  | { finding: 'memlock'; bytes: number; locked: number; allowed: number; pid: number }
  /** ENOMEM, although RLIMIT_MEMLOCK is high enough. */
  | { finding: 'out-of-memory' }
  /** The interrupt line of the device has other users. */
  | {
      finding: 'shared-line';
      address: string;
      line: number;
      users: string | undefined;
      steps: SysfsWrite[];
    }
  /** A hot reset needs a group that is not open here. `affected` is empty if the device has no hot reset. */
  | { finding: 'hot-reset-not-held'; affected: AffectedDevice[] }
  /** A hot reset affects these devices, which are not bound to VFIO. */
  | { finding: 'hot-reset-not-bound'; devices: PciDevice[] }
  /** Nothing beyond the failure itself. */
  | { finding: 'call-failed'; failure: NativeFailure };

/** Everything that a diagnosis can find. */
export type Finding = Refusal | OpenFinding | NodeFinding | OtherFinding;

/** The finding with this name. */
export type FindingOf<Name extends Finding['finding']> = Extract<Finding, { finding: Name }>;
