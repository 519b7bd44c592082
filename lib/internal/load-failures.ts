// SPDX-License-Identifier: MIT
// The errors for an addon that was not loaded. ERR_VFIO_PLATFORM says why and what to do; `cause` is the failure.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainCall } from '../diagnose/call-hints.js';
import { errorFromNative, isNativeFailure, VfioError } from '../errors.js';
import { listNames, readText } from '../sysfs/files.js';
import { addonsDeniedError, deniedError, isDenied, mayNotRead } from './permissions.js';
import { platformError } from './platform.js';

/** Turns any failure to load into an error that says what to do. */
export function loadFailure(cause: unknown): unknown {
  if (cause instanceof VfioError) return cause;
  if (isDenied(cause)) return deniedError(cause);
  return platformError(
    `The native code of vfio was not loaded: ${reasonOf(cause)}`,
    reinstall,
    cause,
  );
}

/** The code does not find its own package. `own` is the URL of the module, unless a bundler has replaced it. */
export function bundled(own: unknown, cause: unknown): unknown {
  if (isDenied(cause)) return cause;
  const isFile = typeof own === 'string' && own.startsWith('file:');
  const manifest = isFile ? fileURLToPath(new URL('../package.json', own)) : '';
  // Node 20 reports a file that the permission model hides as missing.
  if (isFile && mayNotRead(manifest)) return deniedError(cause, manifest);
  return platformError(
    'A bundler included vfio, but a bundle does not contain its native code',
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
    'Run `npm install`. If you copy folders of node_modules, copy node_modules/node-gyp-build too.',
    cause,
  );
}

/** There is no binary for this platform below `folder`. */
export function noBinary(folder: string, cause: unknown): unknown {
  // To node-gyp-build, a folder that the permission model hides looks empty.
  if (mayNotRead(folder)) return deniedError(cause, folder);
  const found = prebuilds(folder);
  if (found.length === 0) return nothingBuilt(folder, cause);
  const { platform, libc } = wantedBy(cause);
  return platformError(
    `vfio has no native code for ${platform} with ${libc}: ${folder}/prebuilds has only ${found.join(', ')}`,
    libc === 'musl' ? useGlibc : ownBuild,
    cause,
  );
}

/** The binary was found, or was named by VFIO_BINARY, but it was not loaded. */
export function notLoaded(file: string, cause: unknown): unknown {
  if (isNativeFailure(cause)) return errorFromNative(cause, explainCall(cause));
  if (isDenied(cause)) return cause;
  if (codeOf(cause) === 'ERR_DLOPEN_DISABLED') return addonsDisabled(cause);
  if (!existsSync(file)) return missingFile(file, cause);
  return platformError(
    `The native code of vfio in ${file} was not loaded: ${reasonOf(cause)}`,
    isMusl() ? useGlibc : reinstall,
    cause,
  );
}

/** The file was loaded, but it is not the addon of this package. */
export function wrongFile(file: string): VfioError {
  return platformError(`${file} is not the native code of vfio`, nameAnother);
}

const nameAnother = 'Unset VFIO_BINARY, or set it to the build/Release/vfio.node of a checkout.';

const ownBuild =
  'Build it: run `npm run build` in a checkout of its repository on this platform. Then set VFIO_BINARY to the ' +
  'build/Release/vfio.node of that checkout.';

const reinstall =
  'It may have been built for another system. In a checkout, run `npm run build`. Otherwise, install vfio again.';

const useGlibc =
  'The C library of this system is musl, as in Alpine Linux. Use a system or an image with glibc ' +
  '(node:22-slim instead of node:22-alpine).';

function nothingBuilt(folder: string, cause: unknown): VfioError {
  const message = `There is no native code of vfio in ${folder}, neither in build/Release nor in prebuilds`;
  return platformError(message, howToGetIt(folder), cause);
}

function howToGetIt(folder: string): string {
  if (process.env.VFIO_PREBUILD)
    return 'The environment variable VFIO_PREBUILD names this folder. Unset it.';
  if (existsSync(join(folder, 'binding.gyp')))
    return 'This is a checkout. Run `npm run build` there.';
  return [
    'This is a copy of a checkout, as `npm install --install-links` makes it. A copy does not contain the binary ' +
      'that was built in the checkout. Either',
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
    'Remove --no-addons from the command line, from NODE_OPTIONS and from the execArgv of workers.',
    cause,
  );
}

function missingFile(file: string, cause: unknown): VfioError {
  if (!process.env.VFIO_BINARY) {
    return platformError(`${file} is a link to a file that does not exist`, reinstall, cause);
  }
  return platformError(`VFIO_BINARY names ${file}, which does not exist`, nameAnother, cause);
}

/** The binaries that the package contains, such as `linux-x64/vfio.glibc.node`. */
function prebuilds(folder: string): string[] {
  const path = join(folder, 'prebuilds');
  return listNames(path).flatMap((platform) =>
    listNames(join(path, platform)).map((file) => `${platform}/${file}`),
  );
}

/** The platform and C library that node-gyp-build looked for. Environment variables can change them. */
function wantedBy(cause: unknown): { platform: string; libc: string } {
  const wanted = (key: string) => new RegExp(` ${key}=(\\S+)`).exec(reasonOf(cause))?.[1];
  return { platform: `${wanted('platform')}-${wanted('arch')}`, libc: `${wanted('libc')}` };
}

/** Whether the C library of this process is musl; false if /proc does not say. */
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
