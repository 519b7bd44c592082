// SPDX-License-Identifier: MIT
// Devices that bindDevice refuses before it changes anything, in a dry run too.
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bindAt } from '../../lib/bind.js';
import { findUnsuitable, findUse } from '../../lib/diagnose/bindable.js';
import { type PciDevice, readDevice } from '../../lib/pci.js';
import { rejectionOf } from './lib-fake-native.js';
import { FakeSysfs } from './lib-fake-sysfs.js';
import { type FakePciDevice, FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const device = `/sys/devices/pci0000:00/${address}`;
const deniedParameter = '/sys/module/vfio_pci/parameters/disable_denylist';

let tree: FakeTree;
let kernel: FakeSysfs;

beforeEach(() => {
  tree = new FakeTree();
  tree.driver('vfio-pci');
  kernel = new FakeSysfs(tree, address);
});

afterEach(() => tree[Symbol.dispose]());

function addDevice(facts: FakePciDevice, headerType = 0): void {
  tree.pci(address, { driver: 'some', group: 12, ...facts });
  const header = new Uint8Array(16);
  header[0x0e] = headerType;
  tree.file(`${device}/config`, header);
}

/** The error of bindDevice, which must be the same in a dry run. Fails if bindDevice wrote anything. */
async function refusal(): Promise<Error> {
  const dry = await rejectionOf(bindAt(kernel, address, true));
  const error = await rejectionOf(bindAt(kernel, address, false));
  expect(error).toEqual(dry);
  expect(kernel.writes).toEqual([]);
  expect(kernel.driver).toBe('some');
  return error;
}

async function expectBound(): Promise<void> {
  await bindAt(kernel, address, false);
  expect(kernel.driver).toBe('vfio-pci');
}

describe('S2/ a bridge is refused', () => {
  test.each([
    ['by its header', '0x060400', 0x01],
    ['by its header, as one function of several', '0x060400', 0x81],
    ['by its header, whatever its class', '0xff0000', 0x02],
    ['by its class while it does not answer', '0x060400', 0xff],
  ])('%s', async (_how, classCode, headerType) => {
    addDevice({ class: classCode }, headerType);
    expect(await refusal()).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining(`${address} is a bridge`),
      hint: expect.stringContaining('devices behind the bridge'),
    });
  });

  test('unless it only bears the name: a host bridge is an endpoint', async () => {
    addDevice({ class: '0x060000' }, 0x80);
    await expectBound();
  });
});

test.each([
  ['1', '1 virtual function, and'],
  ['2', '2 virtual functions, and'],
])(
  'S2/ a physical function with %s of its own is refused, until they are taken away',
  async (count, words) => {
    addDevice({});
    tree.file(`${device}/sriov_numvfs`, `${count}\n`);
    expect(await refusal()).toMatchObject({
      code: 'ERR_VFIO_BUSY',
      message: expect.stringContaining(`${address} has ${words} vfio-pci does not accept`),
      hint: expect.stringContaining(`echo 0 > /sys/bus/pci/devices/${address}/sriov_numvfs`),
    });
    tree.file(`${device}/sriov_numvfs`, '0\n');
    await expectBound();
  },
);

test('S2/ a device that no IOMMU isolates is refused, unless the kernel hands those out', async () => {
  addDevice({ group: undefined });
  tree.file('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'N\n');
  expect(await refusal()).toMatchObject({
    code: 'ERR_VFIO_NO_IOMMU',
    message: expect.stringContaining(`${address} is not in an IOMMU group`),
    hint: expect.stringContaining('No IOMMU is active'),
  });
  tree.file('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n');
  await expectBound();
});

describe('S2/ a device on the denylist of vfio-pci', () => {
  const denied = { vendor: '0x8086', device: '0x37c8' };

  test('is refused', async () => {
    addDevice(denied);
    tree.file(deniedParameter, 'N\n');
    expect(await refusal()).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      hint: expect.stringContaining('disable_denylist=1'),
    });
  });

  test.each([
    ['when the kernel was told to take it', denied, 'Y'],
    ['on a kernel without the list', denied, undefined],
    ['when its number is of another vendor', { ...denied, vendor: '0x1b36' }, 'N'],
  ])('is taken %s', async (_when, facts, disabled) => {
    addDevice(facts);
    if (disabled !== undefined) tree.file(deniedParameter, `${disabled}\n`);
    await expectBound();
  });
});

test('S2/ a network device is refused while the default route needs it', async () => {
  addDevice({ class: '0x020000' });
  tree.file(`${device}/net/eth0/ifindex`, '2\n');
  tree.link('/sys/class/net/eth0', `${device}/net/eth0`);
  tree.link(`${device}/net/eth0/upper_br0`, '/sys/devices/virtual/net/br0');
  const route = (name: string) =>
    `${name}\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n`;
  tree.file('/proc/net/route', `Iface\n${route('br0')}`);
  expect(await refusal()).toMatchObject({
    code: 'ERR_VFIO_BUSY',
    message: expect.stringContaining('the default route of this machine: eth0 (through br0)'),
    hint: expect.stringContaining('ip route'),
  });
  tree.file('/proc/net/route', `Iface\n${route('eth0')}`);
  expect((await refusal()).message).toContain('the default route of this machine: eth0\n');
});

describe('S2/ a disk that a process has open', () => {
  beforeEach(() => {
    addDevice({});
    const disk = `${device}/nvme/nvme0`;
    tree.file(`${disk}/nvme0n1/dev`, '259:0\n');
    tree.link('/sys/block/nvme0n1', `${disk}/nvme0n1`);
    // The number of /dev/null, which every user can open.
    tree.file(`${disk}/ng0n1/dev`, '1:3\n');
    tree.link('/sys/class/nvme-generic/ng0n1', `${disk}/ng0n1`);
    tree.process(42, '(udev-worker)', ['/dev/null']);
  });

  test('keeps its device, and the process is named', async () => {
    expect(await refusal()).toMatchObject({
      code: 'ERR_VFIO_BUSY',
      message: expect.stringContaining('ng0n1 is open in process 42 ((udev-worker))'),
      hint: expect.stringContaining('end the process'),
    });
  });

  test('only for a moment is no hindrance: so does udev when a disk appears', async () => {
    setTimeout(() => rmSync(`${tree.root}/proc/42`, { recursive: true }), 100);
    await expectBound();
  });
});

test('what is refused is plain data first', async () => {
  addDevice({});
  tree.file(`${device}/sriov_numvfs`, '2\n');
  const found = readDevice(address, tree.root) as PciDevice;
  expect(await findUnsuitable(found, tree.root)).toEqual({
    finding: 'virtual-functions-exist',
    address,
    count: 2,
    steps: [{ path: `/sys/bus/pci/devices/${address}/sriov_numvfs`, value: '0' }],
  });
  expect(await findUse(found, tree.root)).toBeUndefined();
});
