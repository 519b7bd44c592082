// SPDX-License-Identifier: MIT
// Host side of vm/host.ts: does to the machine, through QEMU's monitor, what a guest program asks for.
import type { Actions, Reply, Request } from './actions.js';
import type { Monitor } from './monitor.js';

type Handlers = { [Name in keyof Actions]: (args: Actions[Name]) => Promise<unknown> };

export class HostActions {
  readonly #monitor: Monitor;
  readonly #unplugged = new Set<unknown>();
  readonly #handlers: Handlers = {
    unplug: ({ id }) => this.#monitor.execute('device_del', { id }),
    untilUnplugged: ({ id }) => this.#untilUnplugged(id),
    plug: ({ model, id, properties }) => this.#plug(model, id, properties),
    injectError: ({ port, error }) => this.#injectError(port, error),
    throttle: ({ id, limits }) => this.#throttle(id, limits),
    readMemory: ({ address, bytes }) => this.#readMemory(address, bytes),
  };

  constructor(monitor: Monitor) {
    this.#monitor = monitor;
    monitor.on('DEVICE_DELETED', (data: { device?: string }) => this.#unplugged.add(data.device));
  }

  /** Answers one request, a line of JSON, with another. */
  async answer(line: string): Promise<string> {
    const reply = await this.#perform(line).catch(
      (error: Error): Reply => ({ error: error.message }),
    );
    return `${JSON.stringify(reply)}\n`;
  }

  async #perform(line: string): Promise<Reply> {
    const request = JSON.parse(line) as Request;
    if (!Object.hasOwn(this.#handlers, request.action)) {
      throw new Error(`the host knows no action "${request.action}"`);
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
    // The human monitor has no errors, only words.
    if (!output.startsWith('OK')) throw new Error(output.trim());
  }

  #throttle(id: string, limits: Actions['throttle']['limits']): Promise<unknown> {
    const { bytesPerSecond: bps = 0, operationsPerSecond: iops = 0 } = limits;
    const split = { bps_rd: 0, bps_wr: 0, iops_rd: 0, iops_wr: 0 };
    return this.#monitor.execute('block_set_io_throttle', { id, bps, iops, ...split });
  }
  /** As hex digits. */
  async #readMemory(address: number, bytes: number): Promise<string> {
    const output = await this.#monitor.executeHuman(`xp /${bytes}xb 0x${address.toString(16)}`);
    const found = output.match(/(?<=\b0x)[\da-f]{2}\b/g) ?? [];
    if (found.length !== bytes) throw new Error(output.trim());
    return found.join('');
  }
}
