// SPDX-License-Identifier: MIT
// Guest side: lets a program ask the host to unplug, plug, throttle or break a device. Each call resolves when the
// host has done it and rejects with QEMU's reason when it could not. The ids of devices are in vm/devices.ts.
import { createConnection } from 'node:net';
import type { Actions, AerError, DeviceProperties, Reply, ThrottleLimits } from './actions.js';

/**
 * Asks for a device back, as a user pressing the slot's button would. Resolves at once: the device
 * goes when its driver lets go of it, see {@link untilUnplugged}.
 */
export function unplug(id: string): Promise<void> {
  return ask('unplug', { id });
}

/** Resolves when a device that was asked for is gone. */
export function untilUnplugged(id: string): Promise<void> {
  return ask('untilUnplugged', { id });
}

/** Adds a device; `properties` has at least the `bus`, an empty hot-plug port (`sparePort`). */
export function plug(model: string, id: string, properties: DeviceProperties): Promise<void> {
  return ask('plug', { model, id, properties });
}

/** Reports a PCIe error at a port: the devices below it see it. */
export function injectError(port: string, error: AerError): Promise<void> {
  return ask('injectError', { port, error });
}

/** Limits the drive of a device from now on; no limits make it fast again. */
export function throttle(id: string, limits: ThrottleLimits): Promise<void> {
  return ask('throttle', { id, limits });
}

/** Writes 16 bits of a function's config space past the guest's kernel, which locks it during resets. */
export function writeConfig(address: string, offset: number, value: number): Promise<void> {
  return ask('writeConfig', { address, offset, value });
}

/** Memory of the machine at a physical address, whoever it belongs to, as it is now. */
export async function readMemory(address: number, bytes: number): Promise<Buffer> {
  return Buffer.from(await query('readMemory', { address, bytes }), 'hex');
}

async function ask<Name extends keyof Actions>(action: Name, args: Actions[Name]): Promise<void> {
  await query(action, args);
}

function query<Name extends keyof Actions>(action: Name, args: Actions[Name]): Promise<string> {
  const path = process.env.VFIO_VM_HOST;
  if (path === undefined) throw new Error('VFIO_VM_HOST is not set: this is not the test machine');
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = createConnection(path, () => {
      connection.write(`${JSON.stringify({ action, ...args })}\n`);
    });
    connection.setEncoding('utf8');
    connection.on('error', reject);
    connection.on('close', () => reject(new Error(`the host did not answer "${action}"`)));
    connection.on('data', (text: string) => {
      answer += text;
      if (!answer.endsWith('\n')) return;
      const { error, value = '' } = JSON.parse(answer) as Reply;
      connection.destroy();
      if (error === undefined) resolve(value);
      else reject(new Error(`${action}: ${error}`));
    });
  });
}
