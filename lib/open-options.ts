// SPDX-License-Identifier: MIT
// The options with which containers, groups and devices are opened, and their checks.
import { checkAddressBits } from './dma-options.js';
import { checkSignal } from './internal/abort.js';
import { integer, maxMilliseconds, options, uuid } from './internal/validate.js';

/** Options that say where a container or a group comes from. */
export interface DescriptorOptions {
  /**
   * The number of an open file descriptor of this process, from 0 to 2^31 - 1, on the VFIO node. Use it in a
   * process that must not open nodes itself, when a privileged parent, systemd or a device plugin opened the
   * node. The library duplicates the descriptor. Your own descriptor stays open, and you can close it at any
   * time.
   */
  descriptor?: number | undefined;
}

/** The largest number of a descriptor or a group: the kernel keeps both in a C int. */
export const maxInt = 2 ** 31 - 1;

/** Checks the options and returns the descriptor. */
export function checkDescriptor(where: string, given: DescriptorOptions): number | undefined {
  const { descriptor } = options(where, given, ['descriptor']);
  return descriptor === undefined ? undefined : integer('descriptor', descriptor, 0, maxInt);
}

/** The options of all calls that open a device. */
export interface OpenDeviceOptions {
  /**
   * Abandons the open: the promise rejects with the reason of the signal. The kernel cannot cancel an open,
   * so a device that still opens later is closed.
   */
  signal?: AbortSignal | undefined;
  /**
   * The grace period in milliseconds: how long after the `request` event the library waits before it closes
   * the device. An integer from 0 to 2^31 - 1; default 10,000.
   */
  requestGrace?: number | undefined;
  /**
   * How many address bits the device drives when it does DMA, from 17 to 64; default 64. A kernel driver says
   * the same with `dma_set_mask()`.
   *
   * Pass fewer than 64 for a device that drives fewer. Such a device cuts off the upper bits of an address,
   * and would write to other memory of your program. No IOMMU can detect that. {@link Device.allocDma} then
   * returns only buffers that the device reaches. Opening such a device moves no buffer that is allocated
   * already.
   */
  addressBits?: number | undefined;
  /**
   * The VF token of SR-IOV: a UUID, for example from `crypto.randomUUID()`. It is needed if the physical
   * function is bound to vfio-pci. The program that opens the physical function sets the token, and the
   * virtual functions of that device then open only with the same token. While one of them is open, the
   * physical function also opens only with that token.
   *
   * All other devices open only without a token. That includes virtual functions whose physical function has
   * a kernel driver.
   */
  vfToken?: string | undefined;
}

/** Checks the options of a call that opens a device. `more` names further options of that call. */
export function checkOpenOptions<T extends OpenDeviceOptions>(
  where: string,
  given: T,
  ...more: string[]
): T {
  const known = [...more, 'signal', 'requestGrace', 'addressBits', 'vfToken'];
  const checked = options(where, given, known);
  checkSignal(checked.signal);
  const { requestGrace, addressBits, vfToken } = checked;
  if (requestGrace !== undefined) integer('requestGrace', requestGrace, 0, maxMilliseconds);
  if (addressBits !== undefined) checkAddressBits(addressBits);
  if (vfToken !== undefined) uuid('vfToken', vfToken);
  return checked;
}
