// SPDX-License-Identifier: MIT
// Which kernels cannot reset a slot of the test machine.
import { release } from 'node:os';

/** Why the kernel cannot hot-reset a slot of the test machine; undefined if it can. */
export const hotResetGap = /^6\.(1|12)\./.test(release())
  ? "Linux 6.1 and 6.12 wait for a link state that QEMU's root port does not show after a reset"
  : undefined;
