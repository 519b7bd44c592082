// SPDX-License-Identifier: MIT
// Garbage collection when a test asks for it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects what nobody refers to, so often, and each time runs what waits for that. */
export async function collectGarbage(times = 3): Promise<void> {
  for (let done = 0; done < times; done++) {
    collect();
    await new Promise(setImmediate);
  }
}
