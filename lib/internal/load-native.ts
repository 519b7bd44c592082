// SPDX-License-Identifier: MIT
// The one place that loads the addon. Nothing else imports it.
import type { Native } from '../native.js';
import { keepBusErrors } from './bus-errors.js';
import { requireAddon } from './load-addon.js';
import { loadFailure } from './load-failures.js';
import { mustBeLinux, mustBeNode } from './platform.js';

let loaded: Native | undefined;

/** The addon, loaded at the first call, so that importing the package works on every system. */
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
