// SPDX-License-Identifier: MIT
// SIGBUS when others in the process use it too: the program's own listeners, and bus errors outside the library.
import { expect, test } from '@jest/globals';
import { testIf } from '../support/skips.js';
import { run } from './support.js';

const listen = `
  let heard = 0;
  const listener = () => { heard++; };
  process.on('SIGBUS', listener);
`;

const open = `
  const device = await openDevice(address);
  const bar = device.bar(0);
  bar.write32(0, 5);
`;

const survive = `
  hardware.setDecode(false);
  try { bar.read32(0); } catch ({ code }) { console.log(code); }
  hardware.setDecode(true);
  console.log(bar.read32(0));
`;

const signalled = `
  process.kill(process.pid, 'SIGBUS');
  await until(() => heard === 1);
  console.log('heard');
  await device.close();
`;

test.concurrent.each([
  ['before', `${listen}${open}`],
  ['after', `${open}${listen}`],
])(
  'F2/ a bus error is survived when the program began to listen to SIGBUS %s',
  async (_, begin) => {
    expect(await run(`${begin}${survive}${signalled}`)).toEqual({
      status: 0,
      signal: null,
      stdout: 'ERR_VFIO_BUS\n5\nheard',
      stderr: '',
    });
  },
);

test.concurrent('F2/ a bus error is survived when the program does not listen any more, another signal is not', async () => {
  const body = `${open}${listen}
    process.off('SIGBUS', listener);
    ${survive}
    process.kill(process.pid, 'SIGBUS');
    setTimeout(() => {}, 10_000);
  `;
  expect(await run(body)).toEqual({
    status: null,
    signal: 'SIGBUS',
    stdout: 'ERR_VFIO_BUS\n5',
    stderr: '',
  });
});

testIf(process.arch === 'x64', 'the window of a BAR is there on x86-64 only')(
  'F2/ a bus error outside our accesses ends the process, with the right signal',
  async () => {
    const body = `${open}
      const { trap } = program;
      const words = new Uint32Array(trap.window(address, 0));
      console.log(words[0]);
      hardware.setDecode(false);
      console.log(words[0]);
    `;
    expect(await run(body)).toEqual({ status: null, signal: 'SIGBUS', stdout: '5', stderr: '' });
  },
);
