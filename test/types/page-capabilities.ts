// SPDX-License-Identifier: MIT
// Capabilities and the power state, as docs/config-space.md shows them.
import { bindDevice, findDevice, openDevice } from 'vfio';

const { address } = await findDevice({ baseClass: 0x01, subclass: 0x08 }); // the only NVMe controller
await using _binding = await bindDevice(address);
await using device = await openDevice(address);

const { link } = device.config.capability('pciExpress') ?? {};
if (link !== undefined && link.width < link.maxWidth) {
  console.log(`x${link.width} of x${link.maxWidth}, ${link.speed} GT/s of ${link.maxSpeed}`);
}

const vectors = device.config.capability('msix')?.vectors ?? 0;
console.log(`${vectors} MSI-X vectors`);

for (const capability of device.config.extendedCapabilities()) {
  const at = capability.offset.toString(16);
  console.log(`0x${at} ${capability.name ?? `id 0x${capability.id.toString(16)}`}`);
  if (capability.name === 'aer') console.log(capability);
}

device.powerState = 'D3hot'; // registers throw ERR_VFIO_BUS until it is D0 again
device.powerState = 'D0';
