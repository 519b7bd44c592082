// SPDX-License-Identifier: MIT
// Measures register access on the Node that runs it, as a process of bench/node-lines.ts. That file runs it as `node
// dist/bench/node-line.js PREFIX [--quick]`, and it prints its results as JSON.
import { full, measureAccess, quick } from './host.js';
import { findProcessors, pinThread } from './processors.js';

const [prefix = '', ...flags] = process.argv.slice(2);
const { access } = flags.includes('--quick') ? quick : full;
pinThread(findProcessors());
process.stdout.write(JSON.stringify(await measureAccess(access, prefix)));
