// SPDX-License-Identifier: MIT
// A program that fails while a promise of the library is pending ends with its own error, and gives all back.
import { describe, expect, test } from '@jest/globals';
import { ended, everythingOpen, run } from './support.js';

/** Stands for the object of bindDevice(), which comes first and is disposed of last. */
const binding = `
  const binding = { async [Symbol.asyncDispose]() { await null; console.log('restored'); } };
  const start = () => { throw new Error('of the program'); };
`;

/** Does what "await using" does, which Node 20 does not know: closes what is open, the newest first. */
const leaving = (body: string) => `${binding}
  const leave = [() => binding[Symbol.asyncDispose]()];
  const inSlot = specs.map((spec) => ({ ...spec, slot: 1 }));
  const slot = useMachine(...inSlot, { address: '0000:02:00.0', group: 2 });
  ${everythingOpen}
  leave.push(() => container.close(), () => device.close(), () => set.close());
  try {
    ${body}
  } finally {
    for (const close of leave.reverse()) await close();
  }
`;

const inTheWay = {
  'once()': `const raised = set.vector(0).once();
    start();
    await raised;`,
  'once() with a limit': `const raised = set.vector(0).once({ timeout: 60_000 });
    start();
    await raised;`,
  'the next step of an iteration': `const step = set.vector(0)[Symbol.asyncIterator]().next();
    start();
    await step;`,
  'poll32()': `const ready = device.bar(0).poll32(0x20, 1, 1, { timeout: 60_000 });
    start();
    await ready;`,
  'until()': `const { bindRegisters, defineRegisters } = await import('vfio');
    const map = defineRegisters({ S: { at: 0x20, fields: { READY: 0 } } });
    const ready = bindRegisters(device.bar(0), map).S.until({ READY: 1 }, { timeout: 60_000 });
    start();
    await ready;`,
  'allocDmaAsync() of a device': `const memory = device.allocDmaAsync(4096);
    start();
    await memory;`,
  'allocDmaAsync() of a container': `leave.push(() => container.close());
    const memory = container.allocDmaAsync(4096);
    start();
    await memory;`,
  'openGroup()': `leave.push(() => container.close());
    const second = container.openGroup(2);
    start();
    await second;`,
  'openDevice() of a container': `slot.device(mate).opening.delay(20);
    const second = container.openDevice(mate);
    start();
    await second;`,
  'openDevice() of a group': `slot.device(mate).opening.delay(20);
    const second = group.openDevice(mate);
    start();
    await second;`,
  'reset()': `slot.device(address).resetting.delay(20);
    const reset = device.reset();
    start();
    await reset;`,
  'hotReset()': `slot.device(address).resetting.delay(20);
    const reset = device.hotReset();
    start();
    await reset;`,
};

describe('a program that fails before it awaits', () => {
  test.concurrent.each(Object.entries(inTheWay))('%s ends with its own error', async (_, body) => {
    const { status, stdout, stderr } = await run(leaving(body));
    expect(stderr).toContain('Error: of the program');
    expect(stderr).not.toContain('ERR_VFIO_CLOSED');
    expect({ status, stdout }).toEqual({ status: 1, stdout: 'restored' });
  });

  test.concurrent('a worker outlives a once() that the revocation of its grant ends', async () => {
    const source = `${everythingOpen}
      const grant = device.grant({ vectors: [set.vector(1)] });
      const worker = startWorker(\`
        const device = adopt(workerData);
        device.vector(1).once();
        device.on('close', () => setImmediate(() => parentPort.postMessage('still here')));
        parentPort.once('message', () => {});
        parentPort.postMessage('adopted');
      \`, grant.token);
      await once(worker, 'message');
      const told = once(worker, 'message');
      await grant.revoke();
      console.log((await told)[0]);
      worker.postMessage('end');
      await container.close();
    `;
    expect(await run(source)).toEqual({ ...ended, stdout: 'still here' });
  });
});

describe('a promise that nobody awaits is still reported', () => {
  test.concurrent.each([
    ['when its time is up', 'set.vector(0).once({ timeout: 1 });', 'ERR_VFIO_TIMEOUT'],
    [
      'when its signal aborts',
      'set.vector(0).once({ signal: AbortSignal.timeout(1) }); await sleep(50);',
      'TimeoutError',
    ],
    [
      'when its poll is up',
      'device.bar(0).poll32(0x20, 1, 1, { timeout: 1 });',
      'ERR_VFIO_TIMEOUT',
    ],
    [
      'when its vector was closed before the call',
      'const vector = set.vector(0); set.close(); vector.once();',
      'ERR_VFIO_CLOSED',
    ],
    [
      'when its device was closed before the call',
      `const { bindRegisters, defineRegisters } = await import('vfio');
      const map = defineRegisters({ S: { at: 0x20, fields: { READY: 0 } } });
      const { S } = bindRegisters(device.bar(0), map);
      await container.close();
      S.until({ READY: 1 });`,
      'ERR_VFIO_CLOSED',
    ],
    [
      'when its container was closed before the call',
      'await container.close(); container.openDevice(address);',
      'ERR_VFIO_CLOSED',
    ],
  ])('%s', async (_, body, code) => {
    const { status, stderr } = await run(everythingOpen + body);
    expect(stderr).toContain(code);
    expect(status).toBe(1);
  });
});
