// SPDX-License-Identifier: MIT
// The Status Field of a completion (NVMe Base Specification 2.0, 3.3.3.2.1), and the names of its values.

/** The Status Field without the phase bit: SC 7:0, SCT 10:8, CRD 12:11, M 13, DNR 14. */
export type Status = number;

export const SUCCESS: Status = 0;

/**
 * Path Related Status "Command Aborted By Host". The driver reports it for a command that can no longer
 * complete, because the controller was reset, was closed, or failed.
 */
export const ABORTED_BY_HOST: Status = 0x371;

const STATUS_CODE_TYPES = [
  'Generic Command Status',
  'Command Specific Status',
  'Media and Data Integrity Errors',
  'Path Related Status',
];

/** By Status Code Type and Status Code: SCT << 8 | SC. */
const NAMES: Readonly<Record<number, string>> = {
  0: 'Successful Completion',
  1: 'Invalid Command Opcode',
  2: 'Invalid Field in Command',
  3: 'Command ID Conflict',
  4: 'Data Transfer Error',
  5: 'Commands Aborted due to Power Loss Notification',
  6: 'Internal Error',
  7: 'Command Abort Requested',
  8: 'Command Aborted due to SQ Deletion',
  9: 'Command Aborted due to Failed Fused Command',
  10: 'Command Aborted due to Missing Fused Command',
  11: 'Invalid Namespace or Format',
  12: 'Command Sequence Error',
  13: 'Invalid SGL Segment Descriptor',
  14: 'Invalid Number of SGL Descriptors',
  15: 'Data SGL Length Invalid',
  16: 'Metadata SGL Length Invalid',
  17: 'SGL Descriptor Type Invalid',
  18: 'Invalid Use of Controller Memory Buffer',
  19: 'PRP Offset Invalid',
  20: 'Atomic Write Unit Exceeded',
  21: 'Operation Denied',
  22: 'SGL Offset Invalid',
  24: 'Host Identifier Inconsistent Format',
  25: 'Keep Alive Timer Expired',
  26: 'Keep Alive Timeout Invalid',
  27: 'Command Aborted due to Preempt and Abort',
  28: 'Sanitize Failed',
  29: 'Sanitize In Progress',
  30: 'SGL Data Block Granularity Invalid',
  31: 'Command Not Supported for Queue in CMB',
  32: 'Namespace is Write Protected',
  33: 'Command Interrupted',
  34: 'Transient Transport Error',
  35: 'Command Prohibited by Command and Feature Lockdown',
  36: 'Admin Command Media Not Ready',
  128: 'LBA Out of Range',
  129: 'Capacity Exceeded',
  130: 'Namespace Not Ready',
  131: 'Reservation Conflict',
  132: 'Format In Progress',
  256: 'Completion Queue Invalid',
  257: 'Invalid Queue Identifier',
  258: 'Invalid Queue Size',
  259: 'Abort Command Limit Exceeded',
  261: 'Asynchronous Event Request Limit Exceeded',
  262: 'Invalid Firmware Slot',
  263: 'Invalid Firmware Image',
  264: 'Invalid Interrupt Vector',
  265: 'Invalid Log Page',
  266: 'Invalid Format',
  267: 'Firmware Activation Requires Conventional Reset',
  268: 'Invalid Queue Deletion',
  269: 'Feature Identifier Not Saveable',
  270: 'Feature Not Changeable',
  271: 'Feature Not Namespace Specific',
  276: 'Overlapping Range',
  277: 'Namespace Insufficient Capacity',
  278: 'Namespace Identifier Unavailable',
  384: 'Conflicting Attributes',
  385: 'Invalid Protection Information',
  386: 'Attempted Write to Read Only Range',
  640: 'Write Fault',
  641: 'Unrecovered Read Error',
  642: 'End-to-end Guard Check Error',
  643: 'End-to-end Application Tag Check Error',
  644: 'End-to-end Reference Tag Check Error',
  645: 'Compare Failure',
  646: 'Access Denied',
  647: 'Deallocated or Unwritten Logical Block',
  768: 'Internal Path Error',
  769: 'Asymmetric Access Persistent Loss',
  770: 'Asymmetric Access Inaccessible',
  771: 'Asymmetric Access Transition',
  864: 'Controller Pathing Error',
  880: 'Host Pathing Error',
  881: 'Command Aborted By Host',
};

/** The specification's name of a status, or its type and code if it has no name. */
export function statusName(status: Status): string {
  const code = status & 0x7ff;
  return NAMES[code] ?? `${statusTypeName(code >> 8)} ${hex(code & 0xff)}`;
}

function statusTypeName(type: number): string {
  return STATUS_CODE_TYPES[type] ?? (type === 7 ? 'Vendor Specific' : `Status Code Type ${type}`);
}

/** Do Not Retry: the same command would fail again. */
export function doNotRetry(status: Status): boolean {
  return (status & 0x4000) !== 0;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
