// SPDX-License-Identifier: MIT
// Two copies of the package in one process, as two node_modules folders can cause. Both can be imported, but only
// the copy that opens something first can open anything.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ended, product, run, runSource } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'vfio-copy-'));
const binary = join(copy, 'build/Release/vfio.node');

beforeAll(() => {
  for (const file of ['package.json', 'dist/vfio.js', 'build/Release/vfio.node']) {
    mkdirSync(join(copy, file, '..'), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});

afterAll(() => rmSync(copy, { recursive: true }));

/** Collects the errors of opens by the second copy. */
const tryTheOther = `
  const other = await import(${JSON.stringify(join(copy, 'dist/vfio.js'))});
  const failures = [];
  for (const open of [() => other.Container.open(), () => other.openDevice('0000:01:00.0')]) {
    failures.push(await open().then(() => undefined, ({ code, message }) => ({ code, message })));
  }
`;

const refused = {
  code: 'ERR_VFIO_DUPLICATE',
  message: expect.stringMatching(/^this process uses the copy of vfio in \//),
};

test.concurrent('a second copy of the package imports, and refuses to open, naming both', async () => {
  const source = `
    import { Container } from 'vfio';
    // The open may fail: the machine need not have VFIO.
    await Container.open().then((container) => container.close(), () => {});
    ${tryTheOther}
    console.log(JSON.stringify(failures));
  `;
  const { stdout, ...rest } = await runSource(source, [], product);
  expect(rest).toEqual(ended);
  const failures = JSON.parse(stdout);
  expect(failures).toEqual([refused, refused]);
  for (const text of [join(root, 'build/Release/vfio.node'), binary, 'npm dedupe']) {
    expect(failures[0].message).toContain(text);
  }
});

test.concurrent('the first copy goes on, whatever the second was asked for', async () => {
  const source = `
    const device = await openDevice(address);
    process.env.VFIO_BINARY = ${JSON.stringify(binary)};
    ${tryTheOther}
    device.bar(0).write32(0, 5);
    console.log(failures.map(({ code }) => code).join(), device.bar(0).read32(0));
    await device.close();
  `;
  const stdout = 'ERR_VFIO_DUPLICATE,ERR_VFIO_DUPLICATE 5';
  expect(await run(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('a copy in a worker is a second one, also after its worker ended', async () => {
  const source = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    process.env.VFIO_BINARY = ${JSON.stringify(binary)};
    const body = "import('vfio').then(({ Container }) => Container.open().catch(() => {}))";
    await once(new Worker(body, { eval: true }), 'exit');
    delete process.env.VFIO_BINARY;
    const { Container } = await import('vfio');
    console.log(await Container.open().then(() => undefined, ({ code }) => code));
  `;
  const stdout = 'ERR_VFIO_DUPLICATE';
  expect(await runSource(source)).toMatchObject({ ...ended, stdout });
});
