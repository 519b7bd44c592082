// SPDX-License-Identifier: MIT
// The admin commands of the NVMe driver on QEMU's controller. Where there is a second way to the same fact, the tests
// compare the two.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Device } from '../../lib/index.js';
import {
  AdminOpcode,
  Cns,
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
} from '../../lib/nvme/commands.js';
import { Controller, type ControllerOptions } from '../../lib/nvme/controller.js';
import type { NvmeEvent } from '../../lib/nvme/events.js';
import { LogId } from '../../lib/nvme/logs.js';
import { nvme } from '../../vm/devices.js';
import { useDevice } from '../support/bound.js';
import { describeOn } from '../support/subject.js';

/** A threshold in kelvin that no temperature is over. */
const NO_THRESHOLD = 0xffff;

function failsWith(statusName: string) {
  return { code: 'ERR_NVME_STATUS', statusName };
}

describeOn({ backend: 'type1', device: 'nvme' }, 'NVMe', () => {
  const held = useDevice(nvme);
  let device: Device;
  let controller: Controller;

  /** Opens the controller anew, which closes the events and forgets the features. */
  async function reopen(options: ControllerOptions = {}): Promise<void> {
    await controller?.close();
    controller = await Controller.open(device, { lentQueues: 1, ...options });
  }

  beforeAll(async () => {
    ({ device } = held);
    await reopen();
  });
  afterAll(() => controller.close());

  test('3.1.3 Controller Properties: VS is the version that Identify reports', () => {
    expect(controller.registers.VS.read()).toBe(controller.identity.ver);
  });

  test('3.1.3 Controller Properties: AQA, ASQ and ACQ are what the driver wrote', () => {
    const { AQA, ASQ, ACQ } = controller.registers;
    expect(AQA.get()).toEqual({ ASQS: 31, ACQS: 31 });
    expect(ASQ.read() % 4096n).toBe(0n);
    expect(ACQ.read()).not.toBe(ASQ.read());
  });

  test('5.1 Abort: a command that the queue does not have is not aborted', async () => {
    expect(await controller.abort(1, 0xfffe)).toBe(false);
  });

  test('5.1 Abort: more at the same time than ACL allows wait for each other', async () => {
    const count = controller.identity.acl + 5;
    const all = Array.from({ length: count }, (_, cid) => controller.abort(1, cid));
    expect(await Promise.all(all)).toEqual(Array(count).fill(false));
  });

  test('5.1 Abort: a queue that there is not', async () => {
    await expect(controller.abort(77, 1)).rejects.toMatchObject({ code: 'ERR_NVME_STATUS' });
    expect(() => controller.abort(-1, 0)).toThrow(RangeError);
    expect(() => controller.abort(1, 0x1_0000)).toThrow(RangeError);
  });

  test('5.2 Asynchronous Event Request: a temperature over its threshold, and the log page', async () => {
    const { features, logs } = controller;
    await features.set('ASYNCHRONOUS_EVENT_CONFIGURATION', { SHCW: 0b10 });
    const events = controller.events();
    try {
      const { compositeTemperature } = await logs.health();
      for (let round = 0; round < 2; round++) {
        const event = events.next();
        await features.set('TEMPERATURE_THRESHOLD', { TMPTH: compositeTemperature - 1 });
        expect(((await event).value as NvmeEvent).infoName).toBe('Temperature Threshold');
        expect((await logs.health()).criticalWarning.temperature).toBe(true);
        await features.set('TEMPERATURE_THRESHOLD', { TMPTH: NO_THRESHOLD });
        expect((await logs.health()).criticalWarning.temperature).toBe(false);
      }
    } finally {
      await features.set('ASYNCHRONOUS_EVENT_CONFIGURATION', {});
    }
  });

  test('5.2 Asynchronous Event Request: one more than AERL allows', async () => {
    const waiting = Array.from({ length: controller.identity.aerl + 1 }, () =>
      controller.events().next(),
    );
    await expect(controller.events().next()).rejects.toMatchObject(
      failsWith('Asynchronous Event Request Limit Exceeded'),
    );
    await reopen();
    expect(await Promise.all(waiting)).toEqual(
      waiting.map(() => ({ done: true, value: undefined })),
    );
  });

  test('5.2 Asynchronous Event Request: it outlives the time limit of commands, a reset, and ends at close', async () => {
    await reopen({ commandTimeout: 400 });
    const another = controller;
    const next = another.events().next();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await another.reset();
    await another.features.set('ASYNCHRONOUS_EVENT_CONFIGURATION', { SHCW: 0b10 });
    await another.features.set('TEMPERATURE_THRESHOLD', { TMPTH: 1 });
    expect((await next).value).toMatchObject({ type: 1, lid: LogId.SMART_HEALTH });
    const seen: NvmeEvent[] = [];
    const loop = (async () => {
      for await (const event of another.events()) seen.push(event);
    })();
    await reopen();
    await loop;
    expect(seen).toEqual([]);
  });

  test('5.4 Create I/O Completion Queue, 5.5 Create I/O Submission Queue, 5.6 and 5.7: in their order', async () => {
    using cq = device.allocDma(4096);
    using sq = device.allocDma(4096);
    await expect(controller.admin(createSubmissionQueue(2, 16, sq))).rejects.toMatchObject(
      failsWith('Completion Queue Invalid'),
    );
    await controller.admin(createCompletionQueue(2, 16, false, cq));
    await controller.admin(createSubmissionQueue(2, 16, sq));
    await expect(controller.admin(deleteCompletionQueue(2))).rejects.toMatchObject(
      failsWith('Invalid Queue Deletion'),
    );
    await controller.admin(deleteSubmissionQueue(2));
    await controller.admin(deleteCompletionQueue(2));
    // The specification asks for Invalid Queue Identifier, but QEMU answers Completion Queue Invalid.
    await expect(controller.admin(deleteCompletionQueue(2))).rejects.toMatchObject({
      statusName: expect.stringMatching(/^(Invalid Queue Identifier|Completion Queue Invalid)$/),
    });
  });

  test('5.4 Create I/O Completion Queue: more entries than MQES, and a vector that there is not', async () => {
    using cq = device.allocDma(4096);
    const { MQES } = controller.registers.CAP;
    const long = createCompletionQueue(2, MQES + 2, false, cq);
    await expect(controller.admin(long)).rejects.toMatchObject(failsWith('Invalid Queue Size'));
    const unknown = createCompletionQueue(2, 16, 0xffff, cq);
    await expect(controller.admin(unknown)).rejects.toMatchObject(
      failsWith('Invalid Interrupt Vector'),
    );
  });

  test('5.15 Get Features: the current value is the one that was set, and the default stays', async () => {
    const { features } = controller;
    const before = await features.get('VOLATILE_WRITE_CACHE');
    await features.set('VOLATILE_WRITE_CACHE', { WCE: before.WCE ^ 1 });
    expect(await features.get('VOLATILE_WRITE_CACHE')).toEqual({ WCE: before.WCE ^ 1 });
    await features.set('VOLATILE_WRITE_CACHE', before);
    expect(await features.get('VOLATILE_WRITE_CACHE')).toEqual(before);
  });

  test('5.15 Get Features: SEL returns what a feature can do', async () => {
    const { features } = controller;
    expect((await features.capabilities('TEMPERATURE_THRESHOLD')).changeable).toBe(true);
    expect((await features.capabilities('NUMBER_OF_QUEUES')).saveable).toBe(false);
  });

  test('5.15 Get Features: the over and the under temperature threshold are two values', async () => {
    const { features } = controller;
    await features.set('TEMPERATURE_THRESHOLD', { TMPTH: 10, THSEL: 1 });
    const under = await features.get('TEMPERATURE_THRESHOLD', { which: { THSEL: 1 } });
    const over = await features.get('TEMPERATURE_THRESHOLD');
    expect(under.TMPTH).toBe(10);
    expect(over.TMPTH).not.toBe(10);
    await features.set('TEMPERATURE_THRESHOLD', { TMPTH: 0, THSEL: 1 });
  });

  test('5.15 Get Features: the number of queues that was set at the start', async () => {
    const { NSQ, NCQ } = await controller.features.get('NUMBER_OF_QUEUES');
    expect(NSQ).toBeGreaterThanOrEqual(1);
    expect(NCQ).toBeGreaterThanOrEqual(1);
  });

  test('5.15 Get Features: a feature that there is not', async () => {
    const unknown = { opcode: AdminOpcode.GET_FEATURES, cdw10: 0xbf };
    await expect(controller.admin(unknown)).rejects.toMatchObject(
      failsWith('Invalid Field in Command'),
    );
  });

  test('5.27 Set Features: a feature that cannot be saved, and one that cannot be changed', async () => {
    const { features } = controller;
    await expect(
      features.set('VOLATILE_WRITE_CACHE', { WCE: 1 }, { save: true }),
    ).rejects.toMatchObject(failsWith('Feature Identifier Not Saveable'));
    expect((await features.capabilities('WRITE_ATOMICITY_NORMAL')).changeable).toBe(false);
    await expect(features.set('WRITE_ATOMICITY_NORMAL', { DN: 1 })).rejects.toMatchObject(
      failsWith('Feature Not Changeable'),
    );
  });

  test('5.16 Get Log Page: SMART / Health counts the reads and writes of the host', async () => {
    const { logs } = controller;
    using memory = device.allocDma(4096);
    const before = await logs.health();
    for (let i = 0; i < 5; i++) await controller.namespace().read(i, memory);
    await controller.namespace().write(8, memory);
    const after = await logs.health();
    expect(after.hostReadCommands - before.hostReadCommands).toBe(5n);
    expect(after.hostWriteCommands - before.hostWriteCommands).toBe(1n);
    expect(after.compositeTemperature).toBeGreaterThan(200);
  });

  test('5.16 Get Log Page: the firmware slots', async () => {
    const { active, revisions } = await controller.logs.firmwareSlots();
    expect(active).toBe(1);
    // QEMU reports 1.0 here, and its own version in Identify.
    expect(revisions).toEqual(['1.0', '', '', '', '', '', '']);
    expect(revisions.length).toBeGreaterThanOrEqual((controller.identity.frmw >> 1) & 7);
  });

  test('5.16 Get Log Page: errors, and namespaces that changed', async () => {
    expect((await controller.logs.errors()).length).toBeLessThanOrEqual(
      controller.identity.elpe + 1,
    );
    expect(await controller.logs.changedNamespaces()).toEqual({ nsids: [], tooMany: false });
  });

  test('5.16 Get Log Page: a command that the effects do not have is refused', async () => {
    const { admin, io } = await controller.logs.effects();
    const { GET_LOG_PAGE, IDENTIFY, SANITIZE } = AdminOpcode;
    expect([admin.has(GET_LOG_PAGE), admin.has(IDENTIFY), io.has(0x02)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(io.get(0x01)?.lbcc).toBe(true);
    expect(admin.has(SANITIZE)).toBe(false);
    await expect(controller.admin({ opcode: SANITIZE })).rejects.toMatchObject({
      ...failsWith('Invalid Command Opcode'),
      message: 'SANITIZE: Invalid Command Opcode',
    });
  });

  test('5.16 Get Log Page: the parts of a page are the page', async () => {
    const { logs } = controller;
    const whole = await logs.read(LogId.COMMANDS_AND_EFFECTS, 4096);
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < 4096; offset += 1024) {
      parts.push(await logs.read(LogId.COMMANDS_AND_EFFECTS, 1024, { offset }));
    }
    expect(Buffer.compare(Buffer.concat(parts), whole)).toBe(0);
  });

  test('5.16 Get Log Page: a page that there is not, and an offset beyond the page', async () => {
    const { logs } = controller;
    await expect(logs.read(0xbf, 512)).rejects.toMatchObject({ code: 'ERR_NVME_STATUS' });
    await expect(logs.read(LogId.SMART_HEALTH, 512, { offset: 4096 })).rejects.toMatchObject(
      failsWith('Invalid Field in Command'),
    );
  });

  test('5.17 Identify: the controller, again, through memory of the device', async () => {
    using memory = device.allocDma(4096);
    const data = memory;
    await controller.admin({ opcode: AdminOpcode.IDENTIFY, cdw10: Cns.CONTROLLER, data });
    const page = await controller.identify.page(Cns.CONTROLLER);
    expect(Buffer.compare(memory.u8, page)).toBe(0);
    expect(await controller.identify.controller()).toEqual(controller.identity);
  });

  test('5.17 Identify: the active namespaces, and one that is not active', async () => {
    const { identify } = controller;
    expect(await identify.activeNamespaces()).toEqual([1]);
    expect(await identify.namespace(1)).toEqual(controller.namespace().identity);
    expect((await identify.namespace(2)).nsze).toBe(0n);
    await expect(identify.namespace(9999)).rejects.toMatchObject(
      failsWith('Invalid Namespace or Format'),
    );
  });

  test('5.17 Identify: the descriptors have the EUI64 and NGUID of the namespace', async () => {
    const descriptors = await controller.identify.descriptors(1);
    const { eui64, nguid } = controller.namespace().identity;
    expect(descriptors.length).toBeGreaterThan(0);
    const nid = (type: string) => descriptors.find((each) => each.type === type)?.nid;
    for (const [type, known] of [
      ['EUI64', eui64],
      ['NGUID', nguid],
    ] as const) {
      if (nid(type) !== undefined) expect(nid(type)).toBe(known);
    }
    expect(nid('CSI')).toBe('00');
  });

  test('5.17 Identify: a data structure that there is not', async () => {
    await expect(controller.identify.page(0xbf)).rejects.toMatchObject(
      failsWith('Invalid Field in Command'),
    );
  });

  test('5 Admin Commands: an opcode that there is not', async () => {
    await expect(controller.admin({ opcode: 0xff, cdw15: 1 })).rejects.toMatchObject({
      message: 'Admin command 0xff: Invalid Command Opcode',
    });
  });
});
