// SPDX-License-Identifier: MIT
// The controller's registers as a map, named as in the NVM Express Base Specification 2.0, 3.1.3.
import { defineRegisters, type Registers } from 'vfio';

/**
 * The controller's registers (NVMe Base Specification 2.0, 3.1.3). A 64-bit register is accessed as two dwords, which
 * 3.1.1 allows, because not every transport carries accesses of 64 bits.
 */
export const REGISTERS = defineRegisters({
  CAP: {
    at: 0x00,
    width: 64,
    halves: 'lowFirst',
    access: 'ro',
    doc: 'Controller Capabilities',
    fields: {
      MQES: { bits: [15, 0], doc: 'Maximum Queue Entries Supported, 0’s based' },
      CQR: { bits: 16, doc: 'Contiguous Queues Required' },
      AMS: { bits: [18, 17], doc: 'Arbitration Mechanism Supported' },
      TO: { bits: [31, 24], doc: 'Timeout: the longest time until CSTS.RDY changes, times 500 ms' },
      DSTRD: { bits: [35, 32], doc: 'Doorbell Stride: 2 ^ (2 + DSTRD) bytes' },
      NSSRS: { bits: 36, doc: 'NVM Subsystem Reset Supported' },
      CSS: { bits: [44, 37], doc: 'Command Sets Supported; bit 0 is the NVM command set' },
      BPS: { bits: 45, doc: 'Boot Partition Support' },
      CPS: { bits: [47, 46], doc: 'Controller Power Scope' },
      MPSMIN: { bits: [51, 48], doc: 'Memory Page Size Minimum: 2 ^ (12 + MPSMIN) bytes' },
      MPSMAX: { bits: [55, 52], doc: 'Memory Page Size Maximum: 2 ^ (12 + MPSMAX) bytes' },
      PMRS: { bits: 56, doc: 'Persistent Memory Region Supported' },
      CMBS: { bits: 57, doc: 'Controller Memory Buffer Supported' },
      NSSS: { bits: 58, doc: 'NVM Subsystem Shutdown Supported' },
      CRMS: { bits: [60, 59], doc: 'Controller Ready Modes Supported; 0 if there is no CRTO' },
    },
  },
  VS: {
    at: 0x08,
    access: 'ro',
    doc: 'Version',
    fields: { MJR: [31, 16], MNR: [15, 8], TER: [7, 0] },
  },
  // With MSI-X, the host must not access the two mask registers (3.1.3.3). `wo` keeps dumps from reading them.
  INTMS: { at: 0x0c, access: 'wo', doc: 'Interrupt Mask Set', fields: { IVMS: [31, 0] } },
  INTMC: { at: 0x10, access: 'wo', doc: 'Interrupt Mask Clear', fields: { IVMC: [31, 0] } },
  CC: {
    at: 0x14,
    doc: 'Controller Configuration',
    fields: {
      EN: { bits: 0, doc: 'Enable' },
      CSS: { bits: [6, 4], doc: 'I/O Command Set Selected' },
      MPS: { bits: [10, 7], doc: 'Memory Page Size: 2 ^ (12 + MPS) bytes' },
      AMS: { bits: [13, 11], doc: 'Arbitration Mechanism Selected' },
      SHN: {
        bits: [15, 14],
        values: { none: 0, normal: 1, abrupt: 2 },
        doc: 'Shutdown Notification',
      },
      IOSQES: { bits: [19, 16], doc: 'I/O Submission Queue Entry Size, a power of two' },
      IOCQES: { bits: [23, 20], doc: 'I/O Completion Queue Entry Size, a power of two' },
      CRIME: { bits: 24, doc: 'Controller Ready Independent of Media Enable' },
    },
  },
  CSTS: {
    at: 0x1c,
    access: 'w1c',
    doc: 'Controller Status',
    fields: {
      RDY: { bits: 0, access: 'ro', doc: 'Ready' },
      CFS: { bits: 1, access: 'ro', doc: 'Controller Fatal Status' },
      SHST: {
        bits: [3, 2],
        access: 'ro',
        values: { none: 0, occurring: 1, complete: 2 },
        doc: 'Shutdown Status',
      },
      NSSRO: { bits: 4, doc: 'NVM Subsystem Reset Occurred' },
      PP: { bits: 5, access: 'ro', doc: 'Processing Paused' },
      ST: { bits: 6, access: 'ro', doc: 'Shutdown Type' },
    },
  },
  // It reads as 0. Only the value "NVMe" (4E564D65h) resets the subsystem.
  NSSR: { at: 0x20, access: 'wo', doc: 'NVM Subsystem Reset', fields: { NSSRC: [31, 0] } },
  AQA: {
    at: 0x24,
    doc: 'Admin Queue Attributes',
    fields: {
      ASQS: { bits: [11, 0], doc: 'Admin Submission Queue Size, 0’s based' },
      ACQS: { bits: [27, 16], doc: 'Admin Completion Queue Size, 0’s based' },
    },
  },
  ASQ: {
    at: 0x28,
    width: 64,
    halves: 'lowFirst',
    doc: 'Admin Submission Queue Base Address',
    fields: { ASQB: [63, 12] },
  },
  ACQ: {
    at: 0x30,
    width: 64,
    halves: 'lowFirst',
    doc: 'Admin Completion Queue Base Address',
    fields: { ACQB: [63, 12] },
  },
  CMBLOC: {
    at: 0x38,
    access: 'ro',
    doc: 'Controller Memory Buffer Location',
    fields: {
      BIR: { bits: [2, 0], doc: 'Base Indicator Register' },
      CQMMS: { bits: 3, doc: 'CMB Queue Mixed Memory Support' },
      CQPDS: { bits: 4, doc: 'CMB Queue Physically Discontiguous Support' },
      CDPMLS: { bits: 5, doc: 'CMB Data Pointer Mixed Locations Support' },
      CDPCILS: { bits: 6, doc: 'CMB Data Pointer and Command Independent Locations Support' },
      CDMMMS: { bits: 7, doc: 'CMB Data Metadata Mixed Memory Support' },
      CQDA: { bits: 8, doc: 'CMB Queue Dword Alignment' },
      OFST: { bits: [31, 12], doc: 'Offset, in units of CMBSZ.SZU' },
    },
  },
  CMBSZ: {
    at: 0x3c,
    access: 'ro',
    doc: 'Controller Memory Buffer Size',
    fields: {
      SQS: { bits: 0, doc: 'Submission Queue Support' },
      CQS: { bits: 1, doc: 'Completion Queue Support' },
      LISTS: { bits: 2, doc: 'PRP SGL List Support' },
      RDS: { bits: 3, doc: 'Read Data Support' },
      WDS: { bits: 4, doc: 'Write Data Support' },
      SZU: { bits: [11, 8], doc: 'Size Units: 4 KiB * 16 ^ SZU' },
      SZ: { bits: [31, 12], doc: 'Size, in units of SZU' },
    },
  },
  // It exists if CAP.CRMS is not 0.
  CRTO: {
    at: 0x68,
    access: 'ro',
    doc: 'Controller Ready Timeouts',
    fields: {
      CRWMT: { bits: [15, 0], doc: 'Controller Ready With Media Timeout, times 500 ms' },
      CRIMT: { bits: [31, 16], doc: 'Controller Ready Independent of Media Timeout, times 500 ms' },
    },
  },
});

/** The registers of an open controller, each by its name in the specification. */
export type NvmeRegisters = Registers<typeof REGISTERS>;

/** CC.SHN: a normal shutdown. */
export const SHN_NORMAL = 1;
/** CSTS.SHST: shutdown processing is complete. */
export const SHST_COMPLETE = 2;

/** The offsets of the doorbells of queue pair `qid` (NVMe over PCIe Transport 1.0, 3.1.2). */
export function doorbells(qid: number, dstrd: number): { tail: number; head: number } {
  const stride = 4 << dstrd;
  return { tail: 0x1000 + 2 * qid * stride, head: 0x1000 + (2 * qid + 1) * stride };
}
