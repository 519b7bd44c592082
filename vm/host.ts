// SPDX-License-Identifier: MIT
// The guest side: lets a program ask the host to unplug, plug, throttle or break a device. Each call resolves when the
// host has done it, and rejects with QEMU's reason if the host could not. vm/devices.ts has the ids of the devices.
import { createConnection } from 'node:net';
import type { Actions, AerError, DeviceProperties, Reply, ThrottleLimits } from './actions.js';

/**
 * Requests the removal of a device, like a user who presses the slot's button. Resolves at once. The device is removed
 * when its driver releases it, see {@link untilUnplugged}.
 */
export function unplug(id: string): Promise<void> {
  return ask('unplug', { id });
}

/** Resolves when a device that {@link unplug} requested has been removed. */
export function untilUnplugged(id: string): Promise<void> {
  return ask('untilUnplugged', { id });
}

/** Plugs in a device. `properties` must have at least `bus`, an empty hot-plug port (`sparePort`). */
export function plug(model: string, id: string, properties: DeviceProperties): Promise<void> {
  return ask('plug', { model, id, properties });
}

/** Injects a PCIe error at a port. The devices below the port see it. */
export function injectError(port: string, error: AerError): Promise<void> {
  return ask('injectError', { port, error });
}

/** Limits the speed of a disk from now on. Empty limits remove the limit. */
export function throttle(id: string, limits: ThrottleLimits): Promise<void> {
  return ask('throttle', { id, limits });
}

/** Writes 16 bits to a device's config space without the guest's kernel, which locks config space during resets. */
export function writeConfig(address: string, offset: number, value: number): Promise<void> {
  return ask('writeConfig', { address, offset, value });
}

/** Reads the machine's current memory at a physical address, whichever process owns it. */
export async function readMemory(address: number, bytes: number): Promise<Buffer> {
  return Buffer.from(await query('readMemory', { address, bytes }), 'hex');
}

async function ask<Name extends keyof Actions>(action: Name, args: Actions[Name]): Promise<void> {
  await query(action, args);
}

function query<Name extends keyof Actions>(action: Name, args: Actions[Name]): Promise<string> {
  const path = process.env.VFIO_VM_HOST;
  if (path === undefined) {
    throw new Error(
      `cannot ask the host for "${action}": VFIO_VM_HOST is not set, so this is not the test machine`,
    );
  }
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(path, () => {
      connection.write(`${JSON.stringify({ action, ...args })}\n`);
    });
    connection.setEncoding('utf8');
    connection.on('error', reject);
    connection.on('close', () =>
      reject(new Error(`the host closed the connection before it answered "${action}"`)),
    );
    connection.on('data', (text: string) => {
      answer += text;
      if (!answer.endsWith('\n')) return;
      const { error, value = '' } = JSON.parse(answer) as Reply;
      connection.destroy();
      if (error === undefined) resolve(value);
      else reject(new Error(`the host could not do "${action}": ${error}`));
    });
  });
}
