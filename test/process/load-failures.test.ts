// SPDX-License-Identifier: MIT
// Errors when the native code cannot be loaded: each says what failed and what to do. Each test installs the package
// into a folder of its own, with only the files that its case has.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { buildSync, type Format } from 'esbuild';
import { product, runSource } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vfio-loading-')));
const build = 'build/Release/vfio.node';
const here = `linux-${process.arch}`;

afterAll(() => rmSync(folder, { recursive: true }));

let installed = 0;

/** Makes a folder whose node_modules has the package with these additional files, and its dependency. */
function install(...files: string[]): { app: string; vfio: string } {
  const app = join(folder, `${installed++}`);
  const vfio = join(app, 'node_modules/vfio');
  for (const file of ['package.json', 'dist/vfio.js']) copy(join(root, file), join(vfio, file));
  copy(join(root, 'node_modules/node-gyp-build'), join(app, 'node_modules/node-gyp-build'));
  for (const file of files) {
    if (file === build) copy(join(root, file), join(vfio, file));
    else write(join(vfio, file), 'no binary');
  }
  return { app, vfio };
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

interface Failure {
  name: string;
  code: string;
  message: string;
  hint: string;
}

const call = `((call) => call().then(() => ({}), ({ name, code, message, hint }) => ({ name, code, message, hint })))`;

/** The error of an open in a process that imports the package, or a bundle, from this file. */
async function failureOf(
  file: string,
  { flags = [], env = {}, before = '', use = 'Container.open()' }: Circumstances = {},
): Promise<Failure> {
  const source = `
    ${before}
    const { Container, listDevices } = await import(${JSON.stringify(file)});
    console.log(JSON.stringify(await ${call}(() => ${use})));
  `;
  const { stdout, stderr, status } = await runSource(source, flags, { ...product, ...env });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

interface Circumstances {
  readonly flags?: string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Source that the program runs first. */
  readonly before?: string;
  readonly use?: string;
}

/** Checks an error: `words` is the whole message without the hint, and `toDo` are parts of the hint. */
function expectWords({ name, code, message, hint }: Failure, words: string, toDo: string[]): void {
  expect({ name, code }).toEqual({ name: 'VfioError', code: 'ERR_VFIO_PLATFORM' });
  expect(message).toBe(`${words}\n${hint}`);
  for (const text of [...toDo, 'docs/errors.md#err_vfio_platform']) expect(hint).toContain(text);
}

test.concurrent('no binary for this platform: which was wanted, and which there are', async () => {
  const { vfio } = install('prebuilds/linux-mips/vfio.glibc.node', 'prebuilds/darwin-arm64/a.node');
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js')),
    `vfio has no native code for ${here} with glibc: ${vfio}/prebuilds has only ` +
      'darwin-arm64/a.node, linux-mips/vfio.glibc.node',
    ['npm run build', 'VFIO_BINARY'],
  );
});

test.concurrent('musl, and there are binaries for glibc only', async () => {
  const { vfio } = install(`prebuilds/${here}/vfio.glibc.node`);
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js'), { env: { LIBC: 'musl' } }),
    `vfio has no native code for ${here} with musl: ${vfio}/prebuilds has only ${here}/vfio.glibc.node`,
    ['musl', 'glibc', 'node:22-slim'],
  );
});

test.concurrent('musl, and a binary for glibc is there without saying so', async () => {
  const { vfio } = install(`prebuilds/${here}/vfio.node`);
  const before = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { readFileSync } = fs;
    fs.readFileSync = (path, ...more) =>
      path === '/proc/self/maps' ? '7f00 r-xp /lib/ld-musl-x86_64.so.1' : readFileSync(path, ...more);
    syncBuiltinESMExports();
  `;
  const failure = await failureOf(join(vfio, 'dist/vfio.js'), { before });
  expect(failure.message).toContain(
    `The native code of vfio in ${vfio}/prebuilds/${here}/vfio.node was not loaded: `,
  );
  expectWords(failure, failure.message.slice(0, -failure.hint.length - 1), [
    'musl',
    'node:22-slim',
  ]);
});

test.concurrent('a binary for another system: why the loader refuses it', async () => {
  const { vfio } = install('build/Release/other.node');
  const failure = await failureOf(join(vfio, 'dist/vfio.js'));
  expectWords(
    failure,
    `The native code of vfio in ${vfio}/build/Release/other.node was not loaded: ` +
      `${vfio}/build/Release/other.node: file too short`,
    ['another system', 'npm run build', 'install vfio again'],
  );
});

test.concurrent('a copy of a checkout, as --install-links makes it', async () => {
  const { vfio } = install();
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js')),
    `There is no native code of vfio in ${vfio}, neither in build/Release nor in prebuilds`,
    ['--install-links', 'npm install --no-install-links', 'VFIO_BINARY'],
  );
});

test.concurrent('a checkout that is not built', async () => {
  const { vfio } = install('binding.gyp');
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js')),
    `There is no native code of vfio in ${vfio}, neither in build/Release nor in prebuilds`,
    ['Run `npm run build` there.'],
  );
});

test.concurrent('the file that is loaded is the first of those that SECURITY.md lists', async () => {
  const ready = `prebuilds/${here}/vfio.node`;
  const [all, published, other] = [
    install('build/Release/own.node', ready),
    install(ready),
    install(ready),
  ];
  const VFIO_BINARY = join(other.app, 'named.node');
  write(VFIO_BINARY, 'no binary');
  const cases: [NodeJS.ProcessEnv, { vfio: string }, string][] = [
    [{ VFIO_BINARY, VFIO_PREBUILD: other.vfio }, all, VFIO_BINARY],
    [{ VFIO_BINARY: '', VFIO_PREBUILD: other.vfio }, all, join(other.vfio, ready)],
    [{}, all, join(all.vfio, 'build/Release/own.node')],
    [{ PREBUILDS_ONLY: '1' }, all, join(all.vfio, ready)],
    [{}, published, join(published.vfio, ready)],
  ];
  for (const [env, { vfio }, file] of cases) {
    const { message } = await failureOf(join(vfio, 'dist/vfio.js'), { env });
    expect(message).toContain(`The native code of vfio in ${file} was not loaded: `);
  }
});

test.concurrent('VFIO_PREBUILD names a folder without a binary', async () => {
  const { app, vfio } = install(build);
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js'), { env: { VFIO_PREBUILD: app } }),
    `There is no native code of vfio in ${app}, neither in build/Release nor in prebuilds`,
    ['Unset it'],
  );
});

test.concurrent('VFIO_BINARY names a file that is something else', async () => {
  const { app, vfio } = install(build);
  write(join(app, 'other.js'), 'module.exports = null');
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js'), { env: { VFIO_BINARY: join(app, 'other.js') } }),
    `${app}/other.js is not the native code of vfio`,
    ['Unset VFIO_BINARY'],
  );
});

test.concurrent('the native code of the package is a link to nothing', async () => {
  const { vfio } = install();
  mkdirSync(dirname(join(vfio, build)), { recursive: true });
  symlinkSync('nowhere', join(vfio, build));
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js')),
    `${vfio}/${build} is a link to a file that does not exist`,
    ['install vfio again'],
  );
});

test.concurrent('VFIO_BINARY names a file that is not there', async () => {
  const { app, vfio } = install(build);
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js'), { env: { VFIO_BINARY: join(app, 'a.node') } }),
    `VFIO_BINARY names ${app}/a.node, which does not exist`,
    ['Unset VFIO_BINARY'],
  );
});

test.concurrent('the dependency is missing', async () => {
  const { app, vfio } = install(build);
  rmSync(join(app, 'node_modules/node-gyp-build'), { recursive: true });
  expectWords(
    await failureOf(join(vfio, 'dist/vfio.js')),
    `node-gyp-build, which finds the native code of vfio, is not installed for ${vfio}`,
    ['npm install', 'node_modules/node-gyp-build'],
  );
});

describe.each<Format>(['cjs', 'esm'])('a bundle by esbuild, as %s', (format) => {
  /** Bundles a program that uses the package. Only if it is `beside`, the bundle's folder has the package installed. */
  function bundle(
    app: string,
    { beside, external }: { beside: boolean; external: string[] },
  ): string {
    const entry = join(app, 'program.js');
    write(entry, "export { Container } from 'vfio';");
    const outfile = join(
      beside ? app : `${app}-elsewhere`,
      `bundle.${format === 'cjs' ? 'cjs' : 'mjs'}`,
    );
    const options = {
      bundle: true,
      platform: 'node',
      format,
      external,
      logLevel: 'silent',
    } as const;
    buildSync({ ...options, entryPoints: [entry], outfile });
    return outfile;
  }

  test.concurrent('without `external` says to use that', async () => {
    const { app } = install(build);
    expectWords(
      await failureOf(bundle(app, { beside: false, external: [] })),
      'A bundler included vfio, but a bundle does not contain its native code',
      ['Mark `vfio` as external', 'esbuild: --external:vfio', 'webpack: ', 'Vite: ', 'Rollup: '],
    );
  });

  test.concurrent('with `external: ["vfio"]` finds the native code of the package', async () => {
    const { app } = install(build);
    const { code } = await failureOf(bundle(app, { beside: true, external: ['vfio'] }));
    expect(code).not.toBe('ERR_VFIO_PLATFORM');
  });
});

describe('addons are not allowed', () => {
  test.concurrent.each([
    ['the command line', { flags: ['--no-addons'] }],
    ['NODE_OPTIONS', { env: { NODE_OPTIONS: '--no-addons' } }],
  ])('by --no-addons on %s', async (_, circumstances) => {
    const { vfio } = install(build);
    expectWords(
      await failureOf(join(vfio, 'dist/vfio.js'), circumstances),
      'Node was started with --no-addons, and vfio is an addon',
      ['Remove --no-addons', 'NODE_OPTIONS', 'execArgv'],
    );
  });

  test.concurrent('by --no-addons, whatever the permission model allows', async () => {
    const { vfio } = install(build);
    const flags = [...restricted, '--allow-fs-read=*', '--allow-addons', '--no-addons'];
    const { message } = await failureOf(join(vfio, 'dist/vfio.js'), { flags });
    expect(message).toContain('Node was started with --no-addons');
  });

  test.concurrent('by the permission model', async () => {
    const { vfio } = install(build);
    expectWords(
      await failureOf(join(vfio, 'dist/vfio.js'), { flags: [...restricted, '--allow-fs-read=*'] }),
      "Node's permission model does not let this process load addons, and vfio is an addon",
      ['--permission', '--allow-addons'],
    );
  });
});

const { allowedNodeEnvironmentFlags: known } = process;
const restricted = [known.has('--permission') ? '--permission' : '--experimental-permission'];

describe('files may not be read, by the permission model', () => {
  const toDo = ['--allow-fs-read', 'node_modules', '/etc/alpine-release', '/sys, /proc and /dev'];
  const flags = (...files: string[]) => [
    ...restricted,
    '--allow-addons',
    ...files.map((file) => `--allow-fs-read=${file}`),
  ];

  test.concurrent('those of the package', async () => {
    const { vfio } = install(build);
    for (const dist of [join(vfio, 'dist'), join(root, 'dist')]) {
      const failure = await failureOf(join(dist, 'vfio.js'), { flags: flags(dist) });
      const words = failure.message.slice(0, -failure.hint.length - 1);
      expect(words).toMatch(/^Node's permission model does not let vfio read \/.*\.js(on)?$/);
      expectWords(failure, words, toDo);
    }
  });

  test.concurrent('those of the binaries', async () => {
    const { vfio } = install(`prebuilds/${here}/vfio.node`);
    const files = ['package.json', 'dist', '../node-gyp-build'].map((file) => join(vfio, file));
    expectWords(
      await failureOf(join(vfio, 'dist/vfio.js'), {
        flags: flags(...files, '/etc/alpine-release'),
      }),
      `Node's permission model does not let vfio read ${vfio}`,
      toDo,
    );
  });

  test.concurrent('those of /proc, which does not hide why a binary is refused', async () => {
    const { app, vfio } = install('build/Release/other.node');
    const failure = await failureOf(join(vfio, 'dist/vfio.js'), {
      flags: flags(app, '/etc/alpine-release'),
    });
    expect(failure.message).toContain('other.node was not loaded: ');
  });

  test.concurrent('those of sysfs', async () => {
    const { app, vfio } = install(build);
    expectWords(
      await failureOf(join(vfio, 'dist/vfio.js'), { flags: flags(app), use: 'listDevices()' }),
      "Node's permission model does not let vfio read /sys/bus/pci/devices",
      toDo,
    );
  });

  test.concurrent('unless they are all named', async () => {
    const { app, vfio } = install(build);
    const all = flags(app, '/etc/alpine-release', '/sys', '/proc', '/dev');
    const { code } = await failureOf(join(vfio, 'dist/vfio.js'), { flags: all });
    expect(code).not.toBe('ERR_VFIO_PLATFORM');
  });
});
