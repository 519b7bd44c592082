// SPDX-License-Identifier: MIT
// Programs that change the language's own classes, each in a process of its own. None of them crashes, and no promise
// of the library stays unsettled.
import { expect, test } from '@jest/globals';
import { outputOf } from './support.js';

test.concurrent('a Promise class that never calls its executor does not crash', async () => {
  const stdout = await outputOf(`
    const Real = globalThis.Promise;
    globalThis.Promise = class Promise extends Real {
      constructor(executor) {
        super((resolve, reject) => {
          if (executor.name !== 'executor') executor(resolve, reject);
        });
      }
    };
    openDevice(address);
    await sleep(200);
    console.log('alive');
    process.exit();
  `);
  expect(stdout).toBe('alive');
});

test.concurrent.each(['device', 'container', 'numRegions', 'ioPorts', 'address'])(
  'a setter for %s on every object leaves no promise unsettled and nothing open',
  async (name) => {
    const stdout = await outputOf(`
      const failure = new Error('a setter');
      Object.defineProperty(Object.prototype, '${name}', {
        set() { throw failure; }, configurable: true,
      });
      const device = await openDevice(address).catch((error) => error);
      delete Object.prototype['${name}'];
      await device.close?.();
      await until(() => isFree(machine));
      console.log('settled');
    `);
    expect(stdout).toBe('settled');
  },
);

test.concurrent.each([
  ...['errno', 'syscall', 'request', 'path'].map((name) => [name, 'hardware.opening.failNext(5)']),
  ...['code', 'message'].map((name) => [name, 'const open = await openDevice(address)']),
])('a setter for %s on every object settles an open that fails', async (name, obstacle) => {
  const stdout = await outputOf(`
    ${obstacle};
    const container = await Container.open();
    Object.defineProperty(Object.prototype, '${name}', {
      set() { throw new Error('a setter'); }, configurable: true,
    });
    const failure = await container.openDevice(address).catch((error) => error);
    delete Object.prototype['${name}'];
    await container.close();
    console.log(failure.message);
    process.exit();
  `);
  expect(stdout).toBe('a setter');
});

test.concurrent('an iterator of arrays finds nothing that constructors take', async () => {
  const stdout = await outputOf(`
    const found = new Set();
    const iterate = Array.prototype[Symbol.iterator];
    Array.prototype[Symbol.iterator] = function () {
      for (let i = 0; i < this.length; i++) found.add(this[i]?.description);
      return iterate.call(this);
    };
    const device = await openDevice(address);
    device.bar(0).batch([{ offset: 0 }]).run();
    device.allocDma(4096);
    Array.prototype[Symbol.iterator] = iterate;
    await device.close();
    console.log(found.has('vfio'));
  `);
  expect(stdout).toBe('false');
});

test.concurrent('options that close the device while they are read get nothing of it', async () => {
  const stdout = await outputOf(`
    const codes = [];
    for (const use of [
      (device) => device.allocDma(4096, { get iova() { device.close(); } }),
      (device) => device.allocDmaAsync(4096, { get iova() { device.close(); } }),
      (device) => device.grant({ get memory() { device.close(); return []; } }),
      (device) => device.enableInterrupts('msix', { get count() { device.close(); } }),
    ]) {
      const container = await Container.open();
      const device = await container.openDevice(address);
      device.busMaster = true;
      codes.push(await (async () => use(device))().then(() => 'none', ({ code }) => code));
      await container.close();
    }
    console.log(codes.join());
  `);
  expect(stdout).toBe(Array(4).fill('ERR_VFIO_CLOSED').join());
});
