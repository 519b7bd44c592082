// SPDX-License-Identifier: MIT
// Structs in DMA memory on an NVMe controller: it identifies itself, with its queues written as structs.
import { beforeAll, expect, test } from '@jest/globals';
import {
  bindRegisters,
  bindStructs,
  type Device,
  defineRegisters,
  describeAll,
} from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';

/** NVM Express Base Specification 2.0, 3.1.3. */
const CONTROLLER = defineRegisters({
  CAP: { at: 0x00, width: 64, access: 'ro', fields: { MQES: [15, 0], DSTRD: [35, 32] } },
  VS: { at: 0x08, access: 'ro', fields: { MJR: [31, 16] } },
  CC: { at: 0x14, fields: { EN: 0, IOSQES: [19, 16], IOCQES: [23, 20] } },
  CSTS: { at: 0x1c, access: 'ro', fields: { RDY: 0, CFS: 1 } },
  AQA: { at: 0x24, fields: { ASQS: [11, 0], ACQS: [27, 16] } },
  ASQ: { at: 0x28, width: 64, halves: 'lowFirst' },
  ACQ: { at: 0x30, width: 64, halves: 'highFirst' },
  SQ0TDBL: { at: 0x1000, access: 'wo' },
});

/** A submission queue entry (3.3.3.1). */
const COMMAND = defineRegisters({
  CDW0: { at: 0, fields: { OPC: [7, 0], CID: [31, 16] } },
  NSID: { at: 4 },
  PRP1: { at: 24, width: 64 },
  CDW10: { at: 40, fields: { CNS: [7, 0] } },
});

/** A completion queue entry (3.3.3.2). */
const COMPLETION = defineRegisters({
  SQ: { at: 8, fields: { SQHD: [15, 0], SQID: [31, 16] } },
  DW3: { at: 12, access: 'ro', fields: { CID: [15, 0], P: 16, SC: [24, 17], SCT: [27, 25] } },
});

/** The beginning of what Identify Controller returns (5.17.2.1). */
const IDENTIFY = defineRegisters({
  VID: { at: 0, width: 16, access: 'ro' },
  SN: { at: 4, width: 8, access: 'ro', count: 20 },
});

describeContract({ device: 'nvme' }, 'structs', (subject) => {
  const { nvme } = subject.devices;
  const held = subject.useDevice(nvme);
  let device: Device;

  beforeAll(() => {
    ({ device } = held);
  });

  test('structs in DMA memory are commands and completions of a controller', async () => {
    const timeout = 10_000;
    const entries = 4;
    using queues = device.allocDma(8192);
    using data = device.allocDma(4096);
    const regs = bindRegisters(device.bar(0), CONTROLLER);
    const commands = bindStructs(queues, COMMAND, { count: entries, stride: 64 });
    const completions = bindStructs(queues, COMPLETION, { count: entries, stride: 16, base: 4096 });
    const identity = bindRegisters(data, IDENTIFY);

    device.busMaster = true;
    regs.CC.set({ EN: 0 });
    await regs.CSTS.until({ RDY: 0 }, { timeout });
    regs.AQA.set({ ASQS: entries - 1, ACQS: entries - 1 });
    regs.ASQ.write(queues.iovaAt(0));
    regs.ACQ.write(queues.iovaAt(4096));
    regs.CC.set({ EN: 1, IOSQES: 6, IOCQES: 4 });
    expect(await regs.CSTS.until({ RDY: 1 }, { timeout })).toEqual({ RDY: 1, CFS: 0 });

    for (let index = 0; index < 2; index++) {
      data.u8.fill(0);
      const command = commands.at(index);
      command.PRP1.write(data.iovaAt(0));
      command.CDW10.set({ CNS: 1 });
      command.CDW0.set({ OPC: 6, CID: 0x100 + index });
      regs.SQ0TDBL.write(index + 1);
      const completion = completions.at(index);
      const { CID, SC, SCT } = await completion.DW3.until({ P: 1 }, { timeout });
      expect({ CID, SC, SCT }).toEqual({ CID: 0x100 + index, SC: 0, SCT: 0 });
      expect(completion.SQ.get()).toEqual({ SQHD: index + 1, SQID: 0 });
      expect(identity.VID.read()).toBe(nvme.vendor);
      const serial = Array.from({ length: identity.SN.count }, (_, at) =>
        identity.SN.at(at).read(),
      );
      expect(String.fromCharCode(...serial)).toMatch(/^vfio-nvme-0 *$/);
    }

    expect(describeAll(regs)).toMatch(/^0x1c CSTS 0x00000001 RDY=1 CFS=0$/m);
    regs.CC.set({ EN: 0 });
    await regs.CSTS.until({ RDY: 0 }, { timeout });
    device.busMaster = false;
  });
});
