// SPDX-License-Identifier: MIT
// Finds the one PCI function that matches a filter. If there is none or more than one, it says what there is.
import { VfioError } from './errors.js';
import { mustBeLinux } from './internal/platform.js';
import { checkFilter, type DeviceFilter, matches, type PciDevice, scanDevices } from './pci.js';

/**
 * Finds the PCI function that matches the filter, as {@link listDevices} does, if it is the only one.
 *
 * Rejects:
 *
 * - with `ERR_VFIO_NOT_FOUND` if no function matches, and with `ERR_VFIO_AMBIGUOUS` if several do. The message
 *   says what the filter was, and lists what there is;
 * - otherwise as {@link listDevices} does.
 */
export async function findDevice(filter: DeviceFilter): Promise<PciDevice> {
  const checked = checkFilter('findDevice', filter);
  mustBeLinux();
  return findIn(checked);
}

/** Finds the device in the sysfs below `root`. */
export function findIn(filter: DeviceFilter, root = ''): PciDevice {
  const all = scanDevices({}, root);
  const matching = all.filter((device) => matches(device, filter));
  const [found] = matching;
  if (found === undefined) throw notFound(filter, all);
  if (matching.length > 1) throw ambiguous(filter, matching);
  return found;
}

function notFound(filter: DeviceFilter, all: readonly PciDevice[]): VfioError {
  const sought = describe(filter);
  const message = sought === '' ? 'There is no PCI device' : `No PCI device has ${sought}`;
  const hint =
    all.length === 0 ? 'sysfs lists no device at all (/sys/bus/pci).' : `There are:\n${list(all)}`;
  return new VfioError('ERR_VFIO_NOT_FOUND', message, { hint });
}

function ambiguous(filter: DeviceFilter, matching: readonly PciDevice[]): VfioError {
  const sought = describe(filter);
  const devices = `${matching.length} PCI devices`;
  const message =
    sought === '' ? `The filter is empty, and ${devices} match it` : `${devices} have ${sought}`;
  const hint = `Add a field to the filter, or choose the address of one of these:\n${list(matching)}`;
  return new VfioError('ERR_VFIO_AMBIGUOUS', message, { hint });
}

/** How many hexadecimal digits each field of a filter has. */
const digits = { vendorId: 4, deviceId: 4, classCode: 6, baseClass: 2, subclass: 2 };

/** The fields of a filter in words; empty if it has none. */
function describe(filter: DeviceFilter): string {
  const fields = Object.entries(digits).flatMap(([name, count]) => {
    const value = filter[name as keyof DeviceFilter];
    return value === undefined ? [] : [`${name} 0x${padded(value, count)}`];
  });
  return fields.join(' and ');
}

/** More lines than this would hide the message. */
const shown = 16;

function list(devices: readonly PciDevice[]): string {
  const lines = devices.slice(0, shown).map(line);
  const rest = devices.length - lines.length;
  if (rest > 0) lines.push(`  and ${rest} more: \`lspci -Dnn\` lists all`);
  return lines.join('\n');
}

function line({ address, vendorId, deviceId, classCode, driver }: PciDevice): string {
  const ids = `${padded(vendorId, 4)}:${padded(deviceId, 4)}`;
  return `  ${address} ${ids} class 0x${padded(classCode, 6)}, ${driver ?? 'no driver'}`;
}

function padded(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
