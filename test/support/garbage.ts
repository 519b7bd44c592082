// SPDX-License-Identifier: MIT
// Runs the garbage collector when a test asks for it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects unreachable objects this many times, and lets finalizers run after each time. */
export async function collectGarbage(times = 3): Promise<void> {
  for (let done = 0; done < times; done++) {
    collect();
    await new Promise(setImmediate);
  }
}
