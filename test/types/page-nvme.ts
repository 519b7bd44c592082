// SPDX-License-Identifier: MIT
// The program of docs/nvme.md.
import { bindDevice, findDevice, openDevice } from 'vfio';
import { AdminOpcode, Controller, NvmeError } from 'vfio/nvme';

const { address } = await findDevice({ classCode: 0x010802 });
await using _binding = await bindDevice(address);
await using device = await openDevice(address, { addressBits: 64 });
await using controller = await Controller.open(device); // declare it after its device

const { identify, features, logs, registers } = controller;
console.log(controller.identity.mn, registers.CSTS.describe());
console.log(await identify.descriptors(1)); // [ { nidt: 4, type: 'CSI', nid: '00' } ]
console.log(await logs.health(), await logs.errors());

// A warning when the temperature rises above 350 K.
await features.set('TEMPERATURE_THRESHOLD', { TMPTH: 350 });
const events = await features.get('ASYNCHRONOUS_EVENT_CONFIGURATION');
await features.set('ASYNCHRONOUS_EVENT_CONFIGURATION', { ...events, SHCW: 0b10 });

// Any command: here the Timestamp feature, whose value is a data structure of 8 bytes.
const timestamp = new Uint8Array(8);
await controller.admin({ opcode: AdminOpcode.GET_FEATURES, cdw10: 0x0e, data: timestamp });

try {
  for await (const { infoName, lid } of controller.events()) {
    console.log(infoName); // Temperature Threshold
    await logs.read(lid, 512); // only then the controller reports this type of event again
  }
} catch (error) {
  if (!(error instanceof NvmeError) || error.code !== 'ERR_NVME_TIMEOUT') throw error;
  await controller.reset(); // also recovers a controller that hangs
}
