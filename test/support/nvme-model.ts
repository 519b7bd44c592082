// SPDX-License-Identifier: MIT
// The NVMe model behind a device of the memory back end, whose BAR is plain memory that reports no accesses.
import { type Device, openDevice } from '../../lib/index.js';
import { type NvmeHost, NvmeModel, type NvmeModelOptions } from '../../lib/models/nvme/index.js';
import { Offset } from '../../lib/models/nvme/registers.js';
import {
  type DeviceSpec,
  type Machine,
  type MemoryDevice,
  useMachine,
} from '../../tools/testing-addon.js';

/** VFIO_PCI_MSI_IRQ_INDEX and so on. */
const INTX = 0;
const MSI = 1;
const MSIX = 2;

const DOORBELLS = 0x1000;
/** While nothing happens, the registers are looked at once in this many milliseconds. */
const IDLE_MS = 1;
/** How many looks without a change make it idle. */
const IDLE_LOOKS = 200;

export interface ModelledDevice extends AsyncDisposable {
  readonly device: Device;
  readonly model: NvmeModel;
  readonly machine: Machine;
  readonly hardware: MemoryDevice;
  /** Handles the register writes of the driver at once. Otherwise that happens in a later turn of the event loop. */
  service(): void;
  /** Closes the device and the model. Close the driver before: closing it needs the controller. */
  close(): Promise<void>;
}

/** The interrupts of the function. Default: MSI-X, with the vectors of the model. */
export type Interrupts = Pick<DeviceSpec, 'msix' | 'msi' | 'intx'>;

/** Opens a device of a new machine of memory, with the model behind it. */
export async function openModelledDevice(
  options: NvmeModelOptions = {},
  interrupts?: Interrupts,
  address = '0000:0e:00.0',
): Promise<ModelledDevice> {
  // Before a device is open, the machine has no memory for its registers.
  const host = new HardwareHost();
  const model = new NvmeModel(host, { ioQueues: 4, ...options });
  const bars = [{ size: model.barBytes }];
  const machine = useMachine({
    address,
    group: 140,
    bars,
    ...(interrupts ?? { msix: model.vectors }),
  });
  const hardware = machine.device(address);
  host.hardware = hardware;
  const device = await openDevice(address, { addressBits: 64 });
  const stride = 4 << (options.doorbellStride ?? 0);
  const doorbells = 2 * ((options.ioQueues ?? 4) + 1);
  const watched = Array.from({ length: doorbells }, (_, index) => DOORBELLS + index * stride);
  const registers = new WatchedRegisters(model, hardware, watched);
  // The event comes before the promise of the reset resolves.
  device.on('reset', () => registers.wasReset());
  const looking = new Looking(() => registers.look());
  const close = async () => {
    await device.close();
    looking.end();
    model.close();
  };
  return {
    device,
    model,
    machine,
    hardware,
    service: () => void registers.look(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The driver's memory and interrupts, as the hardware of the machine of memory reaches them. */
class HardwareHost implements NvmeHost {
  hardware!: MemoryDevice;

  readMemory(iova: bigint, bytes: number): Uint8Array | undefined {
    return this.hardware.dmaRead(iova, bytes);
  }

  writeMemory(iova: bigint, data: Uint8Array): boolean {
    return this.hardware.dmaWrite(iova, data);
  }

  raise(vector: number): void {
    if (!this.hardware.raise(MSIX, vector)) this.hardware.raise(MSI, vector);
  }

  setLine(asserted: boolean): void {
    if (asserted) this.hardware.raise(INTX, 0);
    else this.hardware.lowerIntx();
  }
}

/** Registers in the order in which their writes are passed on: a driver sets CC after all others. */
const CONTROL = [
  ...[Offset.CAP, Offset.CAP + 4, Offset.VS, Offset.CRTO],
  ...[Offset.INTMS, Offset.INTMC, Offset.NSSR, Offset.AQA],
  ...[Offset.ASQ, Offset.ASQ + 4, Offset.ACQ, Offset.ACQ + 4],
  ...[Offset.CSTS, Offset.CC],
];

/**
 * Compares the registers with what they were. A value that differs was written by the driver: it goes to the model, and
 * then the register gets the value that the model returns for reads. So this cannot notice a write of the value that
 * a register has. Three kinds of registers need care:
 *
 * - INTMC and NSSR act on every write. Their memory holds 0, which a write leaves only if it does nothing. The model
 *   returns the mask for INTMC, and a driver here reads it from INTMS.
 * - Doorbells hold the driver's last value. Only one that the model did not accept, or whose queue was reset or
 *   deleted, is written back. So a write by another thread is not overwritten.
 * - A driver that waits for CSTS after each change of CC lets no change go by unnoticed. Two changes of CC in one turn
 *   of the event loop are one.
 */
class WatchedRegisters {
  readonly #model: NvmeModel;
  readonly #hardware: MemoryDevice;
  readonly #offsets: readonly number[];
  readonly #seen = new Map<number, number>();

  constructor(model: NvmeModel, hardware: MemoryDevice, doorbells: readonly number[]) {
    this.#model = model;
    this.#hardware = hardware;
    this.#offsets = [...CONTROL, ...doorbells];
    this.#publish();
  }

  /** Passes on what the driver wrote. Returns whether anything changed. */
  look(): boolean {
    let changed = false;
    for (const offset of this.#offsets) {
      const value = this.#hardware.peek(0, offset);
      if (value === this.#seen.get(offset)) continue;
      changed = true;
      this.#seen.set(offset, value);
      this.#model.write32(offset, value);
    }
    return this.#publish() || changed;
  }

  /** The function was reset: its memory is zeros. */
  wasReset(): void {
    this.#model.reset();
    this.#seen.clear();
    this.#publish();
  }

  #publish(): boolean {
    let changed = false;
    for (const offset of this.#offsets) {
      const value = this.#valueOf(offset);
      if (value === this.#seen.get(offset)) continue;
      changed = true;
      this.#seen.set(offset, value);
      this.#hardware.poke(0, offset, value);
    }
    return changed;
  }

  #valueOf(offset: number): number {
    const actsOnWrites = offset === Offset.INTMC || offset === Offset.NSSR;
    return actsOnWrites && !this.#model.unreachable ? 0 : this.#model.read32(offset);
  }
}

/** Looks in every turn of the event loop while something happens, and rarely while nothing does. */
class Looking {
  readonly #look: () => boolean;
  #unchanged = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => boolean) {
    this.#look = look;
    this.#next();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    if (this.#unchanged < IDLE_LOOKS) setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), IDLE_MS);
  }

  #run(): void {
    if (this.#ended) return;
    this.#unchanged = this.#look() ? 0 : this.#unchanged + 1;
    this.#next();
  }
}
