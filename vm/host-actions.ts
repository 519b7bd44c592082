// SPDX-License-Identifier: MIT
// The host side of vm/host.ts: carries out the requests of guest programs through QEMU's monitor.
import type { Actions, Reply, Request } from './actions.js';
import type { Monitor } from './monitor.js';

type Handlers = { [Name in keyof Actions]: (args: Actions[Name]) => Promise<unknown> };

/** I/O ports of the configuration mechanism: PCI Local Bus 3.0, 3.2.2.3.2. */
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;

export class HostActions {
  readonly #monitor: Monitor;
  readonly #unplugged = new Set<unknown>();
  readonly #handlers: Handlers = {
    unplug: ({ id }) => this.#monitor.execute('device_del', { id }),
    untilUnplugged: ({ id }) => this.#untilUnplugged(id),
    plug: ({ model, id, properties }) => this.#plug(model, id, properties),
    injectError: ({ port, error }) => this.#injectError(port, error),
    throttle: ({ id, limits }) => this.#throttle(id, limits),
    writeConfig: ({ address, offset, value }) => this.#writeConfig(address, offset, value),
    readMemory: ({ address, bytes }) => this.#readMemory(address, bytes),
  };

  constructor(monitor: Monitor) {
    this.#monitor = monitor;
    monitor.on('DEVICE_DELETED', (data: { device?: string }) => this.#unplugged.add(data.device));
  }

  /** Answers one request. Request and answer are one line of JSON each. */
  async answer(line: string): Promise<string> {
    const reply = await this.#perform(line).catch(
      (error: Error): Reply => ({ error: error.message }),
    );
    return `${JSON.stringify(reply)}\n`;
  }

  async #perform(line: string): Promise<Reply> {
    const request = JSON.parse(line) as Request;
    if (!Object.hasOwn(this.#handlers, request.action)) {
      throw new Error(`the host has no action "${request.action}"`);
    }
    const value = await this.#handlers[request.action](request as never);
    return typeof value === 'string' ? { value } : {};
  }

  async #plug(model: string, id: string, properties: object): Promise<void> {
    await this.#monitor.execute('device_add', { driver: model, id, ...properties });
    this.#unplugged.delete(id);
  }

  async #untilUnplugged(id: string): Promise<void> {
    while (!this.#unplugged.has(id)) {
      await new Promise((resolve) => this.#monitor.once('DEVICE_DELETED', resolve));
    }
  }

  async #injectError(port: string, error: string): Promise<void> {
    const output = await this.#monitor.executeHuman(`pcie_aer_inject_error ${port} ${error}`);
    // The human monitor reports errors only as text.
    if (!output.startsWith('OK')) throw new Error(output.trim());
  }

  #throttle(id: string, limits: Actions['throttle']['limits']): Promise<unknown> {
    const { bytesPerSecond: bps = 0, operationsPerSecond: iops = 0 } = limits;
    const split = { bps_rd: 0, bps_wr: 0, iops_rd: 0, iops_wr: 0 };
    return this.#monitor.execute('block_set_io_throttle', { id, bps, iops, ...split });
  }

  /**
   * Writes 16 bits through the I/O ports of PCI's configuration mechanism. The guest's kernel may be using these ports,
   * so the guest is stopped during the write, and the address port gets its old value back.
   */
  async #writeConfig(address: string, offset: number, value: number): Promise<void> {
    await this.#monitor.execute('stop');
    try {
      const before = await this.#monitor.executeHuman(`i /w ${CONFIG_ADDRESS}`);
      await this.#output('w', CONFIG_ADDRESS, configAddress(address, offset));
      await this.#output('h', CONFIG_DATA + (offset & 2), value);
      await this.#output('w', CONFIG_ADDRESS, Number(before.split('=')[1]));
    } finally {
      await this.#monitor.execute('cont');
    }
  }

  async #output(width: 'h' | 'w', port: number, value: number): Promise<void> {
    const complaint = await this.#monitor.executeHuman(`o /${width} ${port} ${value}`);
    if (complaint !== '') throw new Error(complaint.trim());
  }

  /** Returns the bytes as hex digits. */
  async #readMemory(address: number, bytes: number): Promise<string> {
    const output = await this.#monitor.executeHuman(`xp /${bytes}xb 0x${address.toString(16)}`);
    const found = output.match(/(?<=\b0x)[\da-f]{2}\b/g) ?? [];
    if (found.length !== bytes) throw new Error(output.trim());
    return found.join('');
  }
}

function configAddress(address: string, offset: number): number {
  const [, bus = '', slot = '', fn = ''] = /^0000:(..):(..)\.(.)$/.exec(address) ?? [];
  const requester = Number.parseInt(bus, 16) * 256 + Number.parseInt(slot, 16) * 8 + Number(fn);
  return 0x8000_0000 + requester * 256 + (offset & ~3);
}
