// SPDX-License-Identifier: MIT
// The end of a process: on its own once nothing waits, or at once when it is told to, whatever is open or stuck.
import { describe, expect, test } from '@jest/globals';
import { patience } from '../support/patience.js';
import { ended, everythingOpen, run } from './support.js';

/** Exits with status 42 if the process is still alive after a while. The timer does not keep the process alive. */
const aliveMeans42 = `setTimeout(() => process.exit(42), ${500 * patience}).unref();`;

describe('a process ends by itself', () => {
  test.concurrent.each([
    ['when all is closed', 'await container.close();'],
    ['with everything open', ''],
    [
      'with listeners for device events',
      "for (const e of ['request', 'fault', 'lost', 'reset', 'close']) device.on(e, () => {});",
    ],
    [
      'in the time of grace of a request',
      "device.on('request', () => {}); hardware.notify({ requested: true }); await sleep(5);",
    ],
    ['with a listener that does not keep it', 'set.vector(0).on(() => {}).unref();'],
    ['with a wait that does not keep it', 'set.vector(0).unref().once();'],
    ['when the last listener left', 'const f = () => {}; set.vector(0).on(f).off(f);'],
    ['when what was waited for came', 'set.vector(0).trigger(); await set.vector(0).once();'],
    [
      'when what was waited for came in time',
      'set.vector(0).trigger(); await set.vector(0).once({ timeout: 60_000 });',
    ],
    ['when a wait timed out', 'await set.vector(0).once({ timeout: 1 }).catch(() => {});'],
    [
      'when an iteration was left',
      'set.vector(0).trigger(); for await (const _ of set.vector(0)) break;',
    ],
    ['when a set with listeners was closed', 'set.vector(0).on(() => {}); set.close();'],
    [
      'when a device with listeners was closed',
      'set.vector(0).on(() => {}); await device.close();',
    ],
    ['when a device with listeners was reset', 'set.vector(0).on(() => {}); await device.reset();'],
  ])('%s', async (_, body) => {
    expect(await run(everythingOpen + aliveMeans42 + body)).toMatchObject(ended);
  });
});

describe('a process lives on', () => {
  test.concurrent.each([
    ['for a listener', 'set.vector(0).on(() => {});'],
    [
      'for one vector that keeps it beside one that does not',
      'set.vector(0).on(() => {}).unref(); set.vector(1).on(() => {});',
    ],
    ['for a listener that keeps it again', 'set.vector(0).on(() => {}).unref().ref();'],
    ['for a wait', 'set.vector(0).once();'],
    ['for an iteration', 'for await (const _ of set.vector(0));'],
  ])('%s', async (_, body) => {
    expect(await run(everythingOpen + aliveMeans42 + body)).toMatchObject({ status: 42 });
  });

  test.concurrent.each([
    [
      'for an open',
      "hardware.opening.delay(50); openDevice(address).then(() => console.log('done'));",
    ],
    [
      'for a reset',
      "hardware.resetting.delay(50); const d = await openDevice(address); d.reset().then(() => console.log('done'));",
    ],
    [
      'for a close',
      "hardware.closing.delay(50); const d = await openDevice(address); d.close().then(() => console.log('done'));",
    ],
  ])('%s that is under way', async (_, body) => {
    expect(await run(body)).toMatchObject({ ...ended, stdout: 'done' });
  });
});

describe('F11/ a process ends at once', () => {
  const held = (stage: string) => `hardware.${stage}.hold();`;
  const states: [string, string][] = [
    ['with everything open', everythingOpen],
    [
      'with interrupts arriving',
      `${everythingOpen}
      set.vector(0).on(() => hardware.raise(2, 0));
      hardware.raise(2, 0);
      await sleep(5);`,
    ],
    [
      'with an open stuck',
      `${held('opening')} openDevice(address); hardware.opening.awaitArrival();`,
    ],
    [
      'with an abandoned open stuck',
      `${held('opening')}
      const abort = new AbortController();
      openDevice(address, { signal: abort.signal }).catch(() => {});
      hardware.opening.awaitArrival();
      abort.abort();`,
    ],
    [
      'with a reset stuck',
      `${everythingOpen} ${held('resetting')} device.reset(); hardware.resetting.awaitArrival();`,
    ],
    [
      'with a close stuck',
      `${everythingOpen} ${held('closing')} device.close(); hardware.closing.awaitArrival();`,
    ],
    [
      'with the container of a stuck reset closing',
      `${everythingOpen} ${held('resetting')} device.reset(); hardware.resetting.awaitArrival(); container.close();`,
    ],
    [
      'with all of that at once',
      `${everythingOpen}
      set.vector(0).on(() => hardware.raise(2, 0));
      set.vector(1).once().catch(() => {});
      hardware.raise(2, 0);
      await sleep(5);
      const other = machine.device(mate);
      other.opening.hold();
      openDevice(mate);
      other.opening.awaitArrival();
      ${held('resetting')}
      device.reset();
      hardware.resetting.awaitArrival();`,
    ],
    [
      'with an open stuck in a worker',
      `startWorker(\`
        const { opening } = joinMachine(workerData).device(address);
        opening.hold();
        openDevice(address);
        opening.awaitArrival();
        parentPort.postMessage('stuck');
        await once(parentPort, 'message');
      \`, machine.id).once('message', end);
      await new Promise(() => setInterval(() => {}, 1000));`,
    ],
    [
      'with a reset stuck in a worker',
      `startWorker(\`
        const machine = joinMachine(workerData);
        const device = await openDevice(address);
        machine.device(address).resetting.hold();
        device.reset();
        machine.device(address).resetting.awaitArrival();
        parentPort.postMessage('stuck');
        await once(parentPort, 'message');
      \`, machine.id).once('message', end);
      await new Promise(() => setInterval(() => {}, 1000));`,
    ],
    [
      'with a worker that waits in waitSync()',
      `startWorker(\`
        joinMachine(workerData);
        const device = await openDevice(address);
        const vector = device.enableInterrupts('intx').vector(0);
        parentPort.postMessage('waits');
        vector.waitSync();
      \`, machine.id).once('message', end);
      await new Promise(() => setInterval(() => {}, 1000));`,
    ],
  ];

  test.concurrent.each(states)('by process.exit, %s', async (_, body) => {
    const source = `const end = () => process.exit(3); ${body} end();`;
    expect(await run(source)).toMatchObject({ status: 3, signal: null, stderr: '' });
  });

  test.concurrent.each(states)('by an uncaught exception, %s', async (_, body) => {
    const source = `const end = () => { throw new Error('nobody catches'); }; ${body} end();`;
    const { status, signal, stderr } = await run(source);
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toContain('nobody catches');
  });

  test.concurrent.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGBUS'])('by %s', async (signal) => {
    const body = `${everythingOpen} process.kill(process.pid, '${signal}'); await sleep(10_000);`;
    expect(await run(body)).toMatchObject({ status: null, signal });
  });
});

describe('what a callback of the user throws', () => {
  const boom = "throw new Error('of a callback');";
  test.concurrent.each([
    ['an interrupt listener', `set.vector(0).on(() => { ${boom} }); set.vector(0).trigger();`],
    ['an asynchronous one', `set.vector(0).on(async () => { ${boom} }); set.vector(0).trigger();`],
    [
      'a listener for a fault',
      `device.on('fault', () => { ${boom} }); hardware.notify({ fault: true }); set.vector(1).once();`,
    ],
    [
      'a listener for a request',
      `device.on('request', () => { ${boom} }); hardware.notify({ requested: true }); set.vector(1).once();`,
    ],
    ['a listener for a reset', `device.on('reset', () => { ${boom} }); await device.reset();`],
    ['a listener for a close', `device.on('close', () => { ${boom} }); await device.close();`],
  ])('is uncaught: %s', async (_, body) => {
    const { status, signal, stderr } = await run(everythingOpen + body);
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toContain('of a callback');
  });

  test.concurrent('does not stop the library where somebody catches it', async () => {
    const source = `${everythingOpen}
      const caught = [];
      process.on('uncaughtException', (error) => caught.push(error.message));
      set.vector(0).on(() => { throw new Error('first'); });
      set.vector(0).on(() => { throw new Error('second'); });
      for (const event of ['fault', 'reset', 'close']) device.on(event, () => { throw new Error(event); });
      set.vector(0).trigger();
      await until(() => caught.length === 2);
      set.vector(0).trigger();
      await until(() => caught.length === 4);
      hardware.notify({ fault: true });
      await until(() => caught.length === 5);
      await device.reset();
      await device.close();
      await container.close();
      console.log(caught.join(), JSON.stringify(counts(machine)));
    `;
    expect(await run(source)).toMatchObject({
      ...ended,
      stdout:
        'first,second,first,second,fault,reset,close {"containers":0,"groups":0,"functions":0,"eventfds":0}',
    });
  });

  test.concurrent('leaves INTx to be unmasked all the same', async () => {
    const source = `
      let thrown = 0;
      process.on('uncaughtException', () => thrown++);
      const device = await openDevice(address);
      const vector = device.enableInterrupts('intx').vector(0);
      vector.on(async () => { throw new Error('of a callback'); });
      for (let i = 1; i <= 3; i++) {
        hardware.raise(0, 0);
        await until(() => thrown >= i);
      }
      hardware.lowerIntx();
      await hardware.storm(0, 0, 100_000);
      await sleep(1);
      const before = thrown;
      hardware.raise(0, 0);
      await until(() => thrown > before);
      hardware.lowerIntx();
      await device.close();
      console.log('served');
    `;
    expect(await run(source)).toMatchObject({ ...ended, stdout: 'served' });
  });
});

test('F16/ a child process inherits no descriptor', async () => {
  const source = `${everythingOpen}
    const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    console.log(stdout.split('\\n').filter((line) => /anon_inode|memfd|vfio/.test(line)).length);
    const kept = fs.readdirSync('/proc/self/fd').filter((fd) => {
      try {
        const link = fs.readlinkSync('/proc/self/fd/' + fd);
        const flags = /flags:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))[1];
        return /anon_inode|memfd/.test(link) && (parseInt(flags, 8) & 0o2000000) === 0;
      } catch {
        return false;
      }
    });
    console.log(kept.length);
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: '0\n0' });
});
