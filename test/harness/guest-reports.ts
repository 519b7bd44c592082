// SPDX-License-Identifier: MIT
// Reads the reports of the sanitizers inside the test machine, after the tests. It is run as `node
// build/guest/test/harness/guest-reports.js DIRECTORY`.
import { CHANNEL_VARIABLE, openChannel } from './events.js';
import { tellReports } from './reports.js';

process.env[CHANNEL_VARIABLE] = process.env.VFIO_VM_RESULTS;
tellReports('the test machine', process.argv[2] as string, openChannel());
