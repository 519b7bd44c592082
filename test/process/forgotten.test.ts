// SPDX-License-Identifier: MIT
// Garbage collection closes nothing and unmaps nothing: what was forgotten is named in a warning and stays as
// it is until the thread ends. What was closed goes away, memory with the last view of it.
import { expect, test } from '@jest/globals';
import { run } from './support.js';

const ended = { status: 0, signal: null, stderr: '' };

/** Collects garbage until something has come to pass. */
const collecting = `
  const warnings = [];
  process.removeAllListeners('warning');
  process.on('warning', ({ name, code, message }) => warnings.push([name, code, message].join(' ')));
  const collect = async (what) => {
    let done = false;
    for (let i = 0; i < 50 && !done; i++) {
      // What a WeakRef gave lives until the end of the turn.
      await sleep(1);
      gc();
      await sleep(1);
      done = what();
    }
  };
`;

function runCollecting(body: string) {
  return run(collecting + body, '--expose-gc');
}

test.concurrent('F17/ a forgotten device is named, and stays open with its container and its memory', async () => {
  const source = `
    await (async () => {
      const device = await openDevice(address);
      device.busMaster = true;
      device.allocDma(4096).u8.fill(7);
    })();
    await collect(() => warnings.length > 0);
    console.log(warnings.join('\\n'));
    const [{ iova }] = machine.mappings(1);
    console.log(JSON.stringify(counts(machine)), hardware.dmaRead(iova, 1)[0]);
  `;
  const stdout = [
    'VfioWarning VFIO_LEAK Device 0000:01:00.0 was garbage collected without close()',
    '{"containers":1,"groups":1,"functions":1,"eventfds":0} 7',
  ].join('\n');
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('F17/ a forgotten group is named, and stays held', async () => {
  const source = `
    await (async () => {
      const container = await Container.open();
      await container.openGroup(1);
    })();
    await collect(() => warnings.length >= 2);
    console.log(warnings.map((text) => text.split(' ')[2]).sort().join(), machine.counts().groups);
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: 'Container,Group 1' });
});

test.concurrent('F17/ a forgotten device with listeners goes on to be served', async () => {
  const source = `
    let heard = 0;
    await (async () => {
      const device = await openDevice(address);
      device.busMaster = true;
      device.enableInterrupts('msix').vector(0).on((count) => { heard += count; });
    })();
    await collect(() => false);
    hardware.raise(2, 0);
    await until(() => heard === 1);
    console.log(counts(machine).eventfds);
    process.exit(0);
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '1' });
});

test.concurrent('F17/ a forgotten device is closed when the kernel wants it back, with a warning', async () => {
  const source = `
    await (async () => { await openDevice(address); })();
    await collect(() => warnings.length > 0);
    hardware.notify({ fault: true });
    hardware.notify({ requested: true });
    await until(() => counts(machine).functions === 0);
    console.log(warnings.map((text) => text.split(' ')[1]).join());
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: 'VFIO_LEAK,VFIO_REQUEST' });
});

test.concurrent('what was closed is collected without a word', async () => {
  const source = `
    const refs = [];
    await (async () => {
      const container = await Container.open();
      const group = await container.openGroup(1);
      const device = await group.openDevice(address);
      device.busMaster = true;
      const set = device.enableInterrupts('msix', { count: 2 });
      const vector = set.vector(0);
      vector.on(() => {});
      const buffer = container.allocDma(4096);
      buffer.u32[0] = 1;
      device.on('fault', () => {});
      await device.reset();
      for (const it of [container, group, device, device.bar(0), set, vector, buffer]) {
        refs.push(new WeakRef(it));
      }
      await container.close();
    })();
    const kept = () => refs.map((ref) => ref.deref()).filter((it) => it !== undefined);
    await collect(() => kept().length === 0);
    console.log(kept().map((it) => it.constructor.name).join(), warnings.length);
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '0' });
});

test.concurrent('F1/ the memory of a closed buffer goes with the last view of it, and not before', async () => {
  const source = `
    const device = await openDevice(address);
    const freed = () => syscalls.count('munmap');
    let view;
    (() => {
      const buffer = device.allocDma(4096);
      view = buffer.u8.subarray(4095);
      syscalls.reset();
      buffer.close();
    })();
    await collect(() => freed() > 0);
    console.log(freed(), view[0]);
    view = undefined;
    await collect(() => freed() > 0);
    console.log(freed());
    await device.close();
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '0 0\n1' });
});

test.concurrent('F1/ the memory of an open buffer stays although nobody holds a view', async () => {
  const source = `
    const device = await openDevice(address);
    device.busMaster = true;
    let iova;
    (() => {
      const buffer = device.allocDma(4096);
      buffer.u8[0] = 5;
      iova = buffer.iova;
    })();
    await collect(() => false);
    console.log(hardware.dmaRead(iova, 1)[0], hardware.dmaWrite(iova, Uint8Array.of(6)));
    await device.close();
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '5 true' });
});
