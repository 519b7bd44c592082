// SPDX-License-Identifier: MIT
// Loads the addon at its first use. All other files get it from here.
import type { Native } from '../native.js';
import { keepBusErrors } from './bus-errors.js';
import { requireAddon } from './find-addon.js';
import { loadFailure } from './load-failures.js';
import { mustBeLinux, mustBeNode } from './platform.js';

let loaded: Native | undefined;

/** Returns the addon. The first call loads it, so importing the package works on every system. */
export function loadNative(): Native {
  if (loaded === undefined) {
    const native = load();
    keepBusErrors(native);
    loaded = native;
  }
  return loaded;
}

function load(): Native {
  try {
    mustBeLinux();
    mustBeNode();
    return requireAddon() as Native;
  } catch (cause) {
    throw loadFailure(cause);
  }
}
