// SPDX-License-Identifier: MIT
// Why the addon was not loaded, and what to do about it: ERR_VFIO_PLATFORM, with the failure as its cause.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hintFor } from '../diagnose/call-hints.js';
import { errorFromNative, isNativeFailure, VfioError } from '../errors.js';
import { listNames, readText } from '../sysfs/files.js';
import { addonsDeniedError, deniedError, isDenied, mayNotRead } from './permissions.js';
import { platformError } from './platform.js';

/** Whatever ended the loading, as an error that says what to do. */
export function loadFailure(cause: unknown): unknown {
  if (cause instanceof VfioError) return cause;
  if (isDenied(cause)) return deniedError(cause);
  return platformError(`The native code of vfio was not loaded: ${reasonOf(cause)}`, again, cause);
}

/** The code does not find its own package. `own` is the URL of the module, as far as a bundler left it that. */
export function bundled(own: unknown, cause: unknown): unknown {
  if (isDenied(cause)) return cause;
  const isFile = typeof own === 'string' && own.startsWith('file:');
  const manifest = isFile ? fileURLToPath(new URL('../package.json', own)) : '';
  // Node 20 takes what may not be read for missing.
  if (isFile && mayNotRead(manifest)) return deniedError(cause, manifest);
  return platformError(
    'vfio was bundled, and a bundle does not contain its native code',
    [
      'Mark `vfio` as external in the bundler, and install it where the bundle runs:',
      'esbuild: --external:vfio',
      "webpack: externals: { vfio: 'commonjs vfio' }",
      "Vite: ssr: { external: ['vfio'] }",
      "Rollup: external: ['vfio']",
    ].join('\n  '),
    cause,
  );
}

/** The one dependency of the package is missing. */
export function noFinder(root: string, cause: unknown): unknown {
  if (codeOf(cause) !== 'MODULE_NOT_FOUND') return cause;
  return platformError(
    `node-gyp-build, which finds the native code of vfio, is not installed for ${root}`,
    'Run `npm install`. Where folders of node_modules are copied, copy node_modules/node-gyp-build too.',
    cause,
  );
}

/** There is no binary for this platform below `folder`. */
export function noBinary(folder: string, cause: unknown): unknown {
  // What may not be read looks empty to node-gyp-build.
  if (mayNotRead(folder)) return deniedError(cause, folder);
  const there = prebuilds(folder);
  if (there.length === 0) return nothingBuilt(folder, cause);
  const { platform, libc } = wantedBy(cause);
  return platformError(
    `vfio has no native code for ${platform} with ${libc}: ${folder}/prebuilds has ${there.join(', ')}`,
    libc === 'musl' ? forMusl : `Build it: ${ownBuild}`,
    cause,
  );
}

/** The binary is there, or was said to be, and was not loaded. */
export function notLoaded(file: string, cause: unknown): unknown {
  if (isNativeFailure(cause)) return errorFromNative(cause, { hint: hintFor(cause) });
  if (isDenied(cause)) return cause;
  if (codeOf(cause) === 'ERR_DLOPEN_DISABLED') return addonsDisabled(cause);
  if (!existsSync(file)) return notThere(file, cause);
  return platformError(
    `The native code of vfio in ${file} was not loaded: ${reasonOf(cause)}`,
    isMusl() ? forMusl : again,
    cause,
  );
}

/** What was loaded is something else. */
export function notOurs(file: string): VfioError {
  return platformError(`${file} is not the native code of vfio`, nameAnother);
}

const nameAnother = 'Unset VFIO_BINARY, or name the vfio.node of a checkout.';

const ownBuild =
  'run `npm run build` in a checkout of its repository on this platform, and set VFIO_BINARY to the ' +
  'build/Release/vfio.node that it makes.';

const again =
  'It may have been built for another system. In a checkout run `npm run build`; elsewhere install vfio again.';

const forMusl =
  'The C library of this system is musl, as in Alpine Linux. Use a system or an image with glibc ' +
  '(node:22-slim in place of node:22-alpine).';

function nothingBuilt(folder: string, cause: unknown): VfioError {
  const message = `There is no native code of vfio in ${folder}, neither in build/Release nor in prebuilds`;
  return platformError(message, toGetIt(folder), cause);
}

function toGetIt(folder: string): string {
  if (process.env.VFIO_PREBUILD) return 'VFIO_PREBUILD names this folder: unset it.';
  if (existsSync(join(folder, 'binding.gyp'))) return 'Run `npm run build` there.';
  return [
    'It is a copy of a checkout, as `npm install --install-links` makes them: what is built is not copied. Either',
    'install the checkout as a link: npm install --no-install-links FOLDER',
    'or set VFIO_BINARY to the build/Release/vfio.node of the checkout.',
  ].join('\n  ');
}

function addonsDisabled(cause: unknown): VfioError {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  if (process.permission !== undefined && !flags.includes('--no-addons')) {
    return addonsDeniedError(cause);
  }
  return platformError(
    'Node was started with --no-addons, and vfio is an addon',
    'Leave --no-addons out: on the command line, in NODE_OPTIONS and in the execArgv of workers.',
    cause,
  );
}

function notThere(file: string, cause: unknown): VfioError {
  if (!process.env.VFIO_BINARY) {
    return platformError(`${file} is a link to a file that does not exist`, again, cause);
  }
  return platformError(`VFIO_BINARY names ${file}, and there is no such file`, nameAnother, cause);
}

/** The binaries that the package came with, as `linux-x64/vfio.glibc.node`. */
function prebuilds(folder: string): string[] {
  const path = join(folder, 'prebuilds');
  return listNames(path).flatMap((platform) =>
    listNames(join(path, platform)).map((file) => `${platform}/${file}`),
  );
}

/** What node-gyp-build looked for: variables of the environment may have told it so. */
function wantedBy(cause: unknown): { platform: string; libc: string } {
  const said = (key: string) => new RegExp(` ${key}=(\\S+)`).exec(reasonOf(cause))?.[1];
  return { platform: `${said('platform')}-${said('arch')}`, libc: `${said('libc')}` };
}

/** Whether the C library of this process is musl, as far as it can be found out. */
function isMusl(): boolean {
  try {
    return readText('/proc/self/maps')?.includes('/ld-musl-') ?? false;
  } catch {
    return false;
  }
}

function codeOf(cause: unknown): unknown {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
