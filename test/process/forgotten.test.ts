// SPDX-License-Identifier: MIT
// Garbage collection closes nothing and unmaps nothing. An object that the program forgot to close stays open with all
// its parts until the thread ends, and a warning names it. An object that was closed is collected, and its memory is
// freed with the last view of it.
import { describe, expect, test } from '@jest/globals';
import { ended, run } from './support.js';

const address = '0000:01:00.0';

/** Collects garbage until a condition holds, with a limited number of tries. */
const collecting = `
  const warnings = [];
  process.removeAllListeners('warning');
  process.on('warning', ({ name, code, message }) => warnings.push([name, code, message].join(' ')));
  const collect = async (what) => {
    let done = false;
    for (let i = 0; i < 15 && !done; i++) {
      // An object that a WeakRef returned lives until the end of this turn of the event loop.
      await sleep(1);
      gc();
      // The warning comes a tenth of a second after the collection.
      await sleep(20);
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

/** Calls `say` with the objects that the warnings name: first while the program holds `part`, then without it. */
const keeping = (part: string, owners: number, say: string) => `${collecting}
  let part = await (async () => { ${part} })();
  const named = () => warnings.map((text) => text.split(' ').slice(2, -5).join(' ')).sort();
  await collect(() => false);
  const whileHeld = named();
  part = undefined;
  await collect(() => warnings.length >= ${owners});
  ${say}(JSON.stringify([whileHeld, named()]));
`;

const inContainer = 'const container = await Container.open();';
const deviceInContainer = `${inContainer} const device = await container.openDevice(address);`;
const ofContainer: [name: string, part: string, owners: string[]][] = [
  ['a device', `${deviceInContainer} return device;`, ['Container', 'Device 0000:01:00.0']],
  ['a region', `${deviceInContainer} return device.bar(0);`, ['Container', 'Device 0000:01:00.0']],
  [
    'a buffer',
    `${deviceInContainer} return container.allocDma(4096);`,
    ['Container', 'Device 0000:01:00.0'],
  ],
  ['a group', `${inContainer} return container.openGroup(1);`, ['Container', 'Group 1']],
  [
    'a device of a group',
    `${inContainer} return (await container.openGroup(1)).openDevice(address);`,
    ['Container', 'Device 0000:01:00.0', 'Group 1'],
  ],
];

test.concurrent.each(ofContainer)(
  'F17/ who has %s of a container has forgotten nothing',
  async (_, part, owners) => {
    const { stdout, ...rest } = await run(
      keeping(part, owners.length, 'console.log'),
      '--expose-gc',
    );
    expect(rest).toEqual(ended);
    expect(JSON.parse(stdout)).toEqual([[], owners]);
  },
);

/** Each part is of a device of its own, so that one program can test all of them. */
const ofDevice: Record<string, string> = {
  'a region': 'device.bar(0)',
  'config space': 'device.config',
  'a doorbell': 'device.bar(0).doorbell(0)',
  'a batch': 'device.bar(0).batch([{ offset: 0 }])',
  'an interrupt set': "device.enableInterrupts('msix')",
  'a vector': "device.enableInterrupts('msix').vector(0)",
  'a buffer': 'device.allocDma(4096)',
  'an array over a buffer': 'device.allocDma(4096).u32',
  'a view of a region': 'device.bar(1).inexactView()',
  'a grant': 'device.grant({ regions: [device.bar(0)] })',
  'the container': 'device.container',
};
const ofAdopted: Record<string, string> = {
  'a region': 'device.bar(0)',
  'config space': 'device.config',
  'a vector': 'device.vector(1)',
  'a buffer': 'device.memory[0]',
  'an array over a buffer': 'device.memory[0].u32',
  'the list of buffers': 'device.memory',
};

/** The address of the device for part number `index` of a table. */
const addressOf = (index: number) => `0000:1${index.toString(16)}:00.0`;

const useDevices = (count: number) => `
  const many = Array.from({ length: ${count} }, (_, i) => '0000:1' + i.toString(16) + ':00.0');
  const bar = { size: 4096 };
  useMachine(...many.map((address, i) => ({ address, group: i + 1, bars: [bar, { ...bar, prefetchable: true }], msix: 2 })));
`;

/** Opens a device for each part of the table, and returns the parts. */
const partsOf = (table: Record<string, string>, open: string) =>
  `return [${Object.values(table)
    .map((part, i) => `await (async (i) => { ${open}; return ${part}; })(${i})`)
    .join()}];`;

type Warnings = [whileHeld: string[], dropped: string[]];

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let promise: Promise<T> | undefined;
  return () => {
    promise ??= work();
    return promise;
  };
}

const partsOfDevices = once(async (): Promise<Warnings> => {
  const count = Object.keys(ofDevice).length;
  const open = 'const device = await openDevice(many[i]); device.busMaster = true';
  const body = keeping(partsOf(ofDevice, open), count, 'console.log');
  const { stdout } = await run(`${useDevices(count)}${body}`, '--expose-gc');
  return JSON.parse(stdout);
});

const partsOfAdopted = once(async (): Promise<Warnings> => {
  const count = Object.keys(ofAdopted).length;
  const parts = partsOf(ofAdopted, 'const device = adopt(workerData[i])');
  const body = keeping(parts, count, 'parentPort.postMessage');
  const source = `${useDevices(count)}
    const devices = await Promise.all(many.map((address) => openDevice(address)));
    const grants = devices.map((device) => {
      device.busMaster = true;
      const vectors = [device.enableInterrupts('msix', { count: 2 }).vector(1)];
      const regions = [device.bar(0), device.config];
      return device.grant({ regions, vectors, memory: [device.allocDma(4096)] });
    });
    const worker = startWorker(${JSON.stringify(body)}, grants.map(({ token }) => token));
    console.log((await once(worker, 'message'))[0]);
    for (const device of devices) await device.close();
  `;
  const { stdout } = await run(source, '--expose-gc');
  return JSON.parse(stdout);
});

describe.each([
  ['a device', 'Device', ofDevice, partsOfDevices],
  ['an adopted device', 'AdoptedDevice', ofAdopted, partsOfAdopted],
] as const)('F17/ of %s', (_, owner, table, warningsOf) => {
  test.each(Object.keys(table).map((part, index) => [part, `${owner} ${addressOf(index)}`]))(
    'who has %s has not forgotten it',
    async (_part, name) => {
      const [whileHeld, dropped] = await warningsOf();
      expect(whileHeld).not.toContain(name);
      expect(dropped).toContain(name);
    },
  );
});

test.concurrent('F17/ a part that was closed is no use of its owner', async () => {
  const source = `
    const closed = [];
    await (async () => {
      const device = await openDevice(address);
      device.busMaster = true;
      const set = device.enableInterrupts('msix');
      const vector = set.vector(0);
      const buffer = device.allocDma(4096);
      const { u8 } = buffer;
      const grant = device.grant({ regions: [device.bar(0)] });
      set.close();
      buffer.close();
      await grant.revoke();
      closed.push(set, vector, buffer, u8, grant);
    })();
    await collect(() => warnings.length > 0);
    console.log(closed.length, warnings.length);
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '5 1' });
});

test.concurrent('F17/ a thread that ends has forgotten nothing', async () => {
  const source = `
    const ref = await (async () => new WeakRef(await openDevice(address)))();
    process.on('exit', () => console.log(warnings.length));
    while (ref.deref() !== undefined) {
      await new Promise(setImmediate);
      gc();
    }
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '0' });
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

test.concurrent('F17/ a device is in use while a function awaits its next event, and only until then', async () => {
  const source = `
    // Keeps the process alive, which waiting for an event does not.
    const alive = setInterval(() => {}, 1000);
    const closed = (async () => {
      const device = await openDevice(address);
      for (let i = 0; i < 20; i++) {
        device.once('newListener', () => {});
        device.on('fault', () => {});
        device.removeAllListeners();
        await sleep(0);
      }
      console.log(device.listenerCount('newListener'), device.listenerCount('removeListener'));
      await once(device, 'fault');
      await once(device, 'request');
      console.log(device.address);
      await device.close();
    })();
    await collect(() => warnings.length > 0);
    hardware.notify({ fault: true });
    await collect(() => warnings.length > 0);
    hardware.notify({ requested: true });
    // If the device was collected, it never gets an event, and waiting for it would hang.
    if (warnings.length === 0) await closed;
    clearInterval(alive);
    await (async () => {
      const device = await openDevice(address);
      const listener = () => {};
      device.on('lost', listener).off('lost', listener);
    })();
    await collect(() => warnings.length > 0);
    console.log(warnings.length);
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: `1 1\n${address}\n1` });
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
      // This has no effect on a closed device.
      device.on('lost', () => {});
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

test.concurrent('F1/ a view of a region reaches the device although nobody holds anything else of it', async () => {
  const source = `
    const cmb = '0000:02:00.0';
    const own = useMachine({ address: cmb, group: 2, bars: [{ size: 4096, prefetchable: true }] });
    const memory = own.device(cmb);
    const view = await (async () => {
      const device = await openDevice(cmb);
      return device.bar(0).inexactView(4092, 4).subarray(1);
    })();
    await collect(() => warnings.length > 0);
    memory.poke(0, 4092, 0x04030201);
    const read = view.join();
    view.fill(9);
    console.log(read, memory.peek(0, 4092).toString(16), warnings.length);
  `;
  expect(await runCollecting(source)).toMatchObject({ ...ended, stdout: '2,3,4 9090901 0' });
});
