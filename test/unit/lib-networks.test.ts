// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findDefaultRoutes } from '../../lib/sysfs/networks.js';
import { FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const below = `/sys/devices/pci0000:00/${address}`;
const zeros = '0'.repeat(32);

let tree: FakeTree;

beforeEach(() => {
  tree = new FakeTree();
  tree.pci(address, { driver: 'e1000e', class: '0x020000' });
  device('eth0', `${below}/net/eth0`);
});

afterEach(() => tree[Symbol.dispose]());

function device(name: string, path = `/sys/devices/virtual/net/${name}`): void {
  tree.file(`${path}/ifindex`, '2\n');
  tree.link(`/sys/class/net/${name}`, path);
}

/** Makes `lower` a part of `upper`, as an interface is a part of its bond or bridge. */
function joinTo(lower: string, upper: string): void {
  const path = lower === 'eth0' ? `${below}/net/eth0` : `/sys/devices/virtual/net/${lower}`;
  tree.link(`${path}/upper_${upper}`, `/sys/devices/virtual/net/${upper}`);
}

function ipv4(...routes: [name: string, destination: string, mask: string, flags?: string][]) {
  const lines = routes.map(([name, destination, mask, flags = '0003']) => {
    return `${name}\t${destination}\t0100000A\t${flags}\t0\t0\t100\t${mask}\t0\t0\t0\n`;
  });
  tree.file('/proc/net/route', `Iface\tDestination\tGateway\tFlags\n${lines.join('')}`);
}

function ipv6(name: string, destination: string, length: string, flags = '00000003'): void {
  const line = `${destination} ${length} ${zeros} 00 ${zeros} 00000400 00000000 00000000 ${flags} ${name}\n`;
  tree.file('/proc/net/ipv6_route', line);
}

const routes = () => findDefaultRoutes(address, tree.root);

test('S2/ a device without an interface, or whose interface has other routes, carries no default route', () => {
  expect(routes()).toEqual([]);
  ipv4(['eth1', '00000000', '00000000'], ['eth0', '0000000A', '000000FF']);
  ipv6('eth0', `fe80${'0'.repeat(28)}`, '40');
  expect(routes()).toEqual([]);
  expect(findDefaultRoutes('ffff:ff:1f.7')).toEqual([]);
});

test('S2/ the default route of IPv4 is found', () => {
  ipv4(['eth0', '0000000A', '000000FF'], ['eth0', '00000000', '00000000']);
  expect(routes()).toEqual([{ name: 'eth0', through: 'eth0' }]);
});

test('S2/ the default route of IPv6 is found', () => {
  ipv6('eth0', zeros, '00');
  expect(routes()).toEqual([{ name: 'eth0', through: 'eth0' }]);
});

test('S2/ half of the address space, and a route that leads nowhere, are no default route', () => {
  ipv4(['eth0', '00000000', '00000080'], ['eth0', '00000000', '00000000', '0200']);
  ipv6('eth0', zeros, '00', '00200200');
  expect(routes()).toEqual([]);
});

test('S2/ the default route of a bridge on a VLAN on a bond needs the interface below', () => {
  for (const name of ['bond0', 'bond0.7', 'br0']) device(name);
  joinTo('eth0', 'bond0');
  joinTo('bond0', 'bond0.7');
  joinTo('bond0.7', 'br0');
  ipv4(['br0', '00000000', '00000000']);
  expect(routes()).toEqual([{ name: 'eth0', through: 'br0' }]);
});

test('S2/ interfaces that are above each other come to an end', () => {
  device('a');
  joinTo('eth0', 'a');
  joinTo('a', 'eth0');
  expect(routes()).toEqual([]);
});
