// SPDX-License-Identifier: MIT
// What a diagnosis finds, as plain data. A finding has its name, its facts, and the writes to sysfs that fix it.
// words.ts has the words for each.
import type { NativeFailure } from '../native.js';
import type { PciDevice } from '../pci.js';
import type { DiskUse } from '../sysfs/disks.js';
import type { Holder } from '../sysfs/holders.js';
import type { DefaultRoute } from '../sysfs/networks.js';
import type { SysfsWrite } from '../sysfs/steps.js';

/** A finding that is an error by itself, whether or not a call has failed. */
export type Refusal =
  | { finding: 'no-such-device'; address: string }
  /** The device is in no IOMMU group. */
  | { finding: 'not-isolated'; address: string; isAnyIommuOn: boolean }
  | { finding: 'vfio-pci-not-loaded'; address: string }
  /** vfio-pci takes no bridges. */
  | { finding: 'bridge'; address: string }
  | { finding: 'virtual-functions-exist'; address: string; count: number; steps: SysfsWrite[] }
  /** The device is on vfio-pci's denylist. */
  | { finding: 'denylisted'; address: string }
  | { finding: 'disk-in-use'; address: string; uses: DiskUse[] }
  | { finding: 'default-route'; address: string; routes: DefaultRoute[] };

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
  /** The kernel hands the group out without an IOMMU, by `node`. Without an address, a group was to be opened. */
  | { finding: 'unsafe-no-iommu'; address: string | undefined; group: number; node: string }
  /** VFIO has the physical function: it shares its token with this virtual function. */
  | { finding: 'token-of-physical'; address: string; physical: string; isTokenGiven: boolean }
  /** Virtual functions of this physical function are open. */
  | { finding: 'token-of-virtual'; address: string; isTokenGiven: boolean }
  | { finding: 'no-token'; address: string }
  | { finding: 'no-answer'; address: string; steps: SysfsWrite[] };

/** Why a node of VFIO was not opened. */
type NodeFinding =
  | { finding: 'vfio-not-loaded' }
  | { finding: 'node-missing'; path: string }
  /** A node of an earlier group of that number. */
  | { finding: 'node-stale'; path: string }
  /** The node's mode and owner keep this user out; undefined where they cannot be seen. */
  | { finding: 'node-not-permitted'; path: string; owner: NodeOwner | undefined }
  /** The control group keeps the node closed. */
  | { finding: 'node-not-allowed'; path: string }
  /** The node opens once. No holders where this user cannot see them. */
  | { finding: 'node-held'; path: string; holders: Holder[] };

/** Who may open a file. */
export interface NodeOwner {
  /** The permission bits. */
  mode: number;
  user: number;
  group: number;
}

/** Why something else was refused. */
type OtherFinding =
  /** `bytes` more would pass RLIMIT_MEMLOCK. */
  | { finding: 'memlock'; bytes: number; locked: number; allowed: number }
  /** ENOMEM, and RLIMIT_MEMLOCK has room. */
  | { finding: 'out-of-memory' }
  /** The interrupt line of the device has other users. */
  | {
      finding: 'shared-line';
      address: string;
      line: number;
      users: string | undefined;
      steps: SysfsWrite[];
    }
  /** A hot reset needs a group that is not held here; none of the devices where there is no such reset. */
  | { finding: 'hot-reset-not-held'; affected: { address: string; group: number }[] }
  /** A hot reset takes along these devices, which VFIO does not have. */
  | { finding: 'hot-reset-not-bound'; devices: PciDevice[] }
  /** Nothing beyond the failure itself. */
  | { finding: 'call-failed'; failure: NativeFailure };

/** What a diagnosis finds. */
export type Finding = Refusal | OpenFinding | NodeFinding | OtherFinding;

/** The finding of this name. */
export type FindingOf<Name extends Finding['finding']> = Extract<Finding, { finding: Name }>;
