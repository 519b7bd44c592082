// SPDX-License-Identifier: MIT
// Loading the package: import and require work everywhere, and using it says what is missing.
import { accessSync, constants } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ended, everythingOpen, product, run, runSource } from './support.js';

/** Prints the error of an open. */
const tryToOpen = `
  const failure = await Container.open().then((c) => c.close(), (failure) => failure);
  const { name, code, hint, path } = failure ?? {};
  console.log(JSON.stringify({ name, code, hint, path }));
`;

const names = 'Container,VfioError,bindDevice,listDevices,openDevice';

test.concurrent('import and require give the same package', async () => {
  const source = `
    import { createRequire } from 'node:module';
    import * as imported from 'vfio';
    const required = createRequire(import.meta.url)('vfio');
    const names = Object.keys(imported).filter((name) => name !== 'module.exports');
    console.log(names.sort().join());
    console.log(names.every((name) => imported[name] === required[name]));
  `;
  const { stdout, ...rest } = await runSource(source, [], product);
  expect(rest).toEqual(ended);
  const [exported, same] = stdout.split('\n');
  expect(exported?.split(',')).toEqual(expect.arrayContaining(names.split(',')));
  expect(same).toBe('true');
});

test.concurrent('vfio/nvme uses the copy of vfio that the program has, and neither contains the other', async () => {
  const source = `
    import { readFileSync } from 'node:fs';
    import { VfioError } from 'vfio';
    import { borrowQueue } from 'vfio/nvme';
    try {
      borrowQueue({ token: 'none' });
    } catch (failure) {
      console.log(failure instanceof VfioError, failure.code);
    }
    const classes = ['vfio', 'vfio/nvme'].map((name) => {
      const text = readFileSync(new URL(import.meta.resolve(name)), 'utf8');
      return ['VfioError', 'NvmeError'].filter((each) => text.match('class ' + each + '|' + each + ' = class'));
    });
    console.log(classes.join(' '));
  `;
  const stdout = 'true ERR_VFIO_CLOSED\nVfioError NvmeError';
  expect(await runSource(source, [], product)).toMatchObject({ ...ended, stdout });
});

test.concurrent('vfio/models/nvme contains neither vfio nor the driver, and loads no addon', async () => {
  const source = `
    import { readFileSync } from 'node:fs';
    import * as model from 'vfio/models/nvme';
    const text = readFileSync(new URL(import.meta.resolve('vfio/models/nvme')), 'utf8');
    console.log(Object.keys(model).join(), /VfioError|NvmeError|[.]node'|from "vfio/.test(text));
  `;
  const stdout = 'FileStorage,MemoryStorage,NvmeModel false';
  expect(await runSource(source, [], product)).toMatchObject({ ...ended, stdout });
});

test.concurrent('an error that nobody catches, and every object, print under the name of their class', async () => {
  const source = `${everythingOpen}
    const { inspect } = await import('node:util');
    const region = device.bar(0);
    const batch = region.batch([{ offset: 0, width: 32 }]);
    const grant = device.grant({ regions: [region], vectors: [set.vector(1)] });
    const adopter = startWorker(\`
      const device = adopt(workerData);
      const { inspect } = await import('node:util');
      parentPort.postMessage([device.constructor.name, inspect(device, { depth: 0 })]);
    \`, grant.token);
    const [adopted] = await once(adopter, 'message');
    const objects = [container, group, device, region, device.config, region.doorbell(0), batch];
    objects.push(set, set.vector(0), buffer, grant);
    const prints = objects.map((object) => [object.constructor.name, inspect(object, { depth: 0 })]);
    console.log(JSON.stringify([...prints, adopted]));
    await container.openDevice('0000:09:00.0');
  `;
  const { stdout, stderr, status } = await run(source);
  const prints: [string, string][] = JSON.parse(stdout);
  const classes =
    'Container Group Device Region ConfigSpace Doorbell Batch InterruptSet Interrupt DmaBuffer Grant AdoptedDevice';
  expect(prints.map(([name]) => name).join(' ')).toBe(classes);
  expect(prints.map(([, text]) => text.split(' ')[0]).join(' ')).toBe(classes);
  expect(stderr).toMatch(/^VfioError: /m);
  expect(status).toBe(1);
});

test.concurrent('nothing native is loaded before something is opened', async () => {
  const source = `
    import { readFileSync } from 'node:fs';
    import { listDevices, openDevice } from 'vfio';
    await listDevices();
    await openDevice('../../etc').catch(({ code }) => console.log(code));
    console.log(/vfio[^/]*\\.node/.test(readFileSync('/proc/self/maps', 'utf8')));
  `;
  const stdout = 'ERR_VFIO_ADDRESS\nfalse';
  expect(await runSource(source, [], product)).toMatchObject({ ...ended, stdout });
});

test.concurrent('on another system it imports, and every call says that VFIO is a part of Linux', async () => {
  const source = `
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    const vfio = await import('vfio');
    const { Container, adopt, bindDevice, listDevices, openDevice, releaseDevice } = vfio;
    const address = '0000:01:00.0';
    const calls = [
      () => Container.open(),
      () => openDevice(address),
      () => bindDevice(address),
      () => bindDevice(address, { dryRun: true }),
      () => releaseDevice(address),
      () => listDevices(),
      async () => adopt('token'),
    ];
    for (const call of calls) {
      const { name, code, message } = await call().then(() => ({}), (failure) => failure);
      console.log(name, code, message.split('\\n').slice(0, 2).join(' '));
    }
  `;
  const { stdout, ...rest } = await runSource(source, [], product);
  expect(rest).toEqual(ended);
  const words =
    'VfioError ERR_VFIO_PLATFORM vfio needs Linux, because VFIO is a part of Linux; this system is darwin ' +
    'Run the program on Linux.';
  expect(stdout.split('\n')).toEqual(Array(7).fill(words));
});

test.concurrent('the product opens VFIO, or says what to do about it', async () => {
  const source = `import { Container } from 'vfio'; ${tryToOpen}`;
  const { stdout, ...rest } = await runSource(source, [], product);
  expect(rest).toEqual(ended);
  const { code, hint, path } = JSON.parse(stdout);
  const node = '/dev/vfio/vfio';
  if (may(constants.R_OK | constants.W_OK, node)) return expect(code).toBeUndefined();
  expect(path).toBe(node);
  expect({ code, hint }).toEqual(
    may(constants.F_OK, node)
      ? { code: 'EACCES', hint: expect.stringContaining('chgrp vfio') }
      : { code: 'ENOENT', hint: expect.stringContaining('modprobe vfio-pci') },
  );
});

test.concurrent('the product has no hook into its system calls, and no machine of memory', async () => {
  const source = `
    import { createRequire } from 'node:module';
    const addon = createRequire(import.meta.url)('node-gyp-build')(process.cwd());
    console.log(Object.keys(addon).sort().join());
  `;
  const { stdout, ...rest } = await runSource(source, [], product);
  expect(rest).toEqual(ended);
  expect(stdout.split(',')).toEqual(expect.arrayContaining(['openContainer', 'read32', 'write64']));
  expect(stdout).not.toContain('testing');
});

function may(mode: number, path: string): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
