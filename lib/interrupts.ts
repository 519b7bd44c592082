// SPDX-License-Identifier: MIT
// The armed interrupt vectors of a device, as one thing to close.
import { closedError } from './errors.js';
import { callNative } from './internal/call.js';
import { keepOwner } from './internal/leaks.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { integer } from './internal/validate.js';
import { endVector, Interrupt } from './interrupt.js';
import type { NativeInterrupts, NativeIrqInfo } from './native.js';

/** The ways a PCI function interrupts (`VFIO_PCI_INTX_IRQ_INDEX`, `_MSI_`, `_MSIX_`). */
export type InterruptType = 'intx' | 'msi' | 'msix';

/** What the kernel says about one way (`VFIO_DEVICE_GET_IRQ_INFO`). */
export interface InterruptInfo {
  /** How many vectors there are; 0 when the device has none. */
  readonly count: number;
  /** `VFIO_IRQ_INFO_MASKABLE`: mask() and unmask() work. */
  readonly maskable: boolean;
  /** `VFIO_IRQ_INFO_AUTOMASKED`: masked by the kernel at each interrupt, until unmasked. */
  readonly autoMasked: boolean;
  /** Not `VFIO_IRQ_INFO_NORESIZE`: vectors can be added while some are armed. */
  readonly resizable: boolean;
}

/** The index of each way (`VFIO_PCI_*_IRQ_INDEX`). */
export const interruptIndex = { intx: 0, msi: 1, msix: 2 } as const;

const flag = { maskable: 2, autoMasked: 4, noResize: 8 };

/** One way's facts from the kernel's flags; a device that does not know it has none of it. */
export function interruptInfo(irq: NativeIrqInfo | undefined): InterruptInfo {
  const { count, flags } = irq ?? { count: 0, flags: flag.noResize };
  return Object.freeze({
    count,
    maskable: (flags & flag.maskable) !== 0,
    autoMasked: (flags & flag.autoMasked) !== 0,
    resizable: (flags & flag.noResize) === 0,
  });
}

/** Whether a vector is one of a set. */
export let hasVector: (set: InterruptSet, vector: Interrupt) => boolean;
/** The device disarms the vectors of a set itself, as it is reset or closed. */
export let endInterrupts: (set: InterruptSet) => void;

/**
 * The armed vectors of a device (`VFIO_DEVICE_SET_IRQS`). Obtained from
 * {@link Device.enableInterrupts}; closed by itself, by a reset of the device, or with it.
 */
export class InterruptSet implements Disposable {
  static {
    hasVector = (set, vector) => set.#vectors.includes(vector);
    endInterrupts = (set) => set.#end();
  }

  readonly type: InterruptType;
  /** How many vectors are armed. */
  readonly count: number;
  readonly #native: NativeInterrupts;
  readonly #name: string;
  readonly #vectors: Interrupt[] = [];
  /** Keeps the device while the set is open. */
  #onClose: (() => void) | undefined;

  /** @internal Use {@link Device.enableInterrupts}. */
  constructor(
    key: Ours,
    native: NativeInterrupts,
    type: InterruptType,
    owner: string,
    onClose: () => void,
  ) {
    mustBeOurs(key);
    this.type = type;
    this.count = native.count;
    this.#native = native;
    this.#name = `InterruptSet ${type} of ${owner}`;
    this.#onClose = onClose;
    for (let index = 0; index < native.count; index++) {
      const vector = new Interrupt(ours, native, index, type === 'intx', this.#name);
      keepOwner(vector, this);
      this.#vectors.push(vector);
    }
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#onClose === undefined;
  }

  /** The vector `index`, from 0 to `count` - 1; the same object every time. */
  vector(index: number): Interrupt {
    integer('the vector', index, 0, this.count - 1);
    if (this.closed) throw closedError(this.#name);
    return this.#vectors[index] as Interrupt;
  }

  /**
   * Disarms all vectors, at once. Iterations end, a pending once() rejects with `ERR_VFIO_CLOSED`,
   * grants of its vectors are revoked.
   * Closing twice does nothing.
   */
  close(): void {
    if (this.closed) return;
    this.#end();
    callNative(() => this.#native.close());
  }

  #end(): void {
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.();
    for (const vector of this.#vectors) endVector(vector);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
