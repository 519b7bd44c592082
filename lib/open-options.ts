// SPDX-License-Identifier: MIT
// How containers, groups and devices are opened: the options, and their checks.
import { checkAddressBits } from './dma-options.js';
import { checkSignal } from './internal/abort.js';
import { integer, maxMilliseconds, options, uuid } from './internal/validate.js';

/** Where a container or a group comes from. */
export interface DescriptorOptions {
  /**
   * The number of a file descriptor of this process on the node, for a process that may not open nodes itself: a
   * privileged parent, systemd or a device plugin did. It is duplicated; the caller's own stays open and is the
   * caller's to close, at any time.
   */
  descriptor?: number | undefined;
}

/** Descriptors and groups are numbers of the C type int. */
export const maxInt = 2 ** 31 - 1;

/** The descriptor, checked. */
export function checkDescriptor(where: string, given: DescriptorOptions): number | undefined {
  const { descriptor } = options(where, given, ['descriptor']);
  return descriptor === undefined ? undefined : integer('descriptor', descriptor, 0, maxInt);
}

/** How a device is opened. */
export interface OpenDeviceOptions {
  /**
   * Abandons the open: the promise rejects with the signal's reason, and what opens later is
   * closed.
   */
  signal?: AbortSignal | undefined;
  /**
   * How long the `request` event leaves, in milliseconds, before the device is closed. 10 000
   * unless said.
   */
  requestGrace?: number | undefined;
  /**
   * How many address bits the device drives when it does DMA, from 17 to 64; 64 unless said. Say less for a device
   * that drives less, as a kernel driver does by `dma_set_mask()`: it cuts off the bits above and would write to
   * other memory of the program, which no IOMMU can notice. {@link Device.allocDma} then gives only buffers that it
   * reaches. Opening such a device moves nothing that is allocated already.
   */
  addressBits?: number | undefined;
  /**
   * The VF token, a UUID such as `crypto.randomUUID()` makes. SR-IOV needs it when the physical function is bound to
   * vfio-pci: whoever opens the physical function sets the token, and its virtual functions open with the same token
   * only. While one of them is open, the physical function opens with that token only, too. Every other device,
   * also a virtual function whose physical function has a kernel driver, opens without a token only.
   */
  vfToken?: string | undefined;
}

/** The options of every call that opens a device, checked. */
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
