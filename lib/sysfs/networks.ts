// SPDX-License-Identifier: MIT
// Finds out whether a device carries the default route. Unbinding its driver would cut off everyone who is logged in
// over it. /proc does not show three cases, so this does not find them: routes of other network namespaces, IPv4 routes
// of other tables than the main one, and for an IPv4 route over several interfaces, all interfaces but the first.
import { isBelow, listNames, readText, realPath } from './files.js';

/** An interface of the device, and the one with the default route: the same, or a bond, bridge or VLAN above it. */
export interface DefaultRoute {
  name: string;
  through: string;
}

/** The interfaces of a PCI device that a default route uses. */
export function findDefaultRoutes(address: string, root = ''): DefaultRoute[] {
  const folder = `${root}/sys/class/net`;
  const routes = defaultInterfaces(root);
  return listNames(folder)
    .filter((name) => isBelow(realPath(`${folder}/${name}`) ?? '', address))
    .flatMap((name) => {
      const through = withUppers(name, folder).find((upper) => routes.has(upper));
      return through === undefined ? [] : [{ name, through }];
    });
}

/** An interface, and all interfaces that are built on it. */
function withUppers(name: string, folder: string): string[] {
  const all = [name];
  for (const lower of all) {
    const links = listNames(`${folder}/${lower}`).filter((link) => link.startsWith('upper_'));
    const uppers = links.map((link) => link.slice('upper_'.length));
    all.push(...uppers.filter((upper) => !all.includes(upper)));
  }
  return all;
}

function defaultInterfaces(root: string): Set<string> {
  const lines = (path: string) => (readText(root + path) ?? '').split('\n');
  return new Set([
    ...lines('/proc/net/route').flatMap(ipv4Default),
    ...lines('/proc/net/ipv6_route').flatMap(ipv6Default),
  ]);
}

/** RTF_REJECT: a route that discards its packets. */
const REJECT = 0x200;

// The fields: interface, destination, gateway, flags, three counters, mask. Numbers are in hexadecimal.
function ipv4Default(line: string): string[] {
  const [name = '', destination, , flags = '', , , , mask] = line.trim().split(/\s+/);
  const isDefault = destination === '00000000' && mask === '00000000';
  return isDefault && leads(flags) ? [name] : [];
}

// The fields: destination and its length, source and its length, next hop, metric, two counters, flags, interface.
function ipv6Default(line: string): string[] {
  const [destination = '', length, , , , , , , flags = '', name = ''] = line.trim().split(/\s+/);
  const isDefault = /^0{32}$/.test(destination) && length === '00';
  return isDefault && leads(flags) && name !== 'lo' ? [name] : [];
}

function leads(flags: string): boolean {
  return (Number.parseInt(flags, 16) & REJECT) === 0;
}
