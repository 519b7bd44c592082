// SPDX-License-Identifier: MIT
// Register access on the Node that runs this: `node dist/bench/node-line.js PREFIX [--quick]`. Prints its results as
// JSON, for bench/node-lines.ts.
import { full, measureAccess, quick } from './host.js';
import { findProcessors, pinThread } from './processors.js';

const [prefix = '', ...flags] = process.argv.slice(2);
const { access } = flags.includes('--quick') ? quick : full;
pinThread(findProcessors());
process.stdout.write(JSON.stringify(await measureAccess(access, prefix)));
