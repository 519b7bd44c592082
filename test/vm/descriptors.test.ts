// SPDX-License-Identifier: MIT
// Containers and groups from descriptors that the test opened itself.
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container } from '../../lib/index.js';
import { edu, pair } from '../../vm/devices.js';
import { groupNode, groupOf, useBound } from '../support/bound.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { openDescriptors } from '../support/own-process.js';
import { firstDescriptor, Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';

const O_CLOEXEC = 0o2000000;

describeOn({ backend: 'type1' }, 'descriptors from outside', () => {
  useBound(edu, ...pair);

  /** Descriptors that the test opens and closes itself. */
  let node: number;
  let group: number;
  let another: number;
  let nothing: number;
  let before: string[];

  beforeEach(() => {
    node = openSync('/dev/vfio/vfio', 'r+');
    group = openSync(groupNode(edu), 'r+');
    another = openSync(groupNode(pair[0]), 'r+');
    nothing = openSync('/dev/null', 'r+');
    before = openDescriptors();
  });

  afterEach(() => {
    expect(openDescriptors()).toEqual(before);
    for (const descriptor of [node, group, another, nothing]) closeSync(descriptor);
  });

  test('are duplicated: whoever gave them closes them at any time', async () => {
    const given = [openSync('/dev/vfio/vfio', 'r+'), group] as const;
    const opening = Container.open({ descriptor: given[0] });
    closeSync(given[0]);
    await using container = await opening;
    await container.openGroup(groupOf(edu), { descriptor: group });
    const device = await container.openDevice(edu.address);
    expect(new Edu(device).identification).toBe(eduIdentification);
  });

  test('stay open, and are good for another container, after all was closed', async () => {
    for (let round = 0; round < 3; round++) {
      const container = await Container.open({ descriptor: node });
      const held = await container.openGroup(groupOf(edu), { descriptor: group });
      const device = await held.openDevice(edu.address);
      device.busMaster = true;
      const buffer = device.allocDma(4096);
      await new Edu(device).store(buffer.iova, 16);
      await container.close();
    }
    expect(fstatSync(node).isCharacterDevice()).toBe(true);
    expect(fstatSync(group).isCharacterDevice()).toBe(true);
  });

  test('are closed when a program is started, as ours are', async () => {
    await using container = await Container.open({ descriptor: node });
    await container.openGroup(groupOf(edu), { descriptor: group });
    await container.openDevice(edu.address);
    // One of the listed descriptors belonged to the listing itself.
    const ours = openDescriptors().filter((name) => !before.includes(name) && isOpen(name));
    // At least those of its container, its group and its device.
    expect(ours.length).toBeGreaterThan(3);
    for (const name of ours) expect(flagsOf(name) & O_CLOEXEC).toBe(O_CLOEXEC);
  });

  test('of several groups go into one container', async () => {
    await using container = await Container.open({ descriptor: node });
    await container.openGroup(groupOf(edu), { descriptor: group });
    await container.openGroup(groupOf(pair[0]), { descriptor: another });
    const devices = [edu, ...pair].map(({ address }) => container.openDevice(address));
    for (const device of await Promise.all(devices)) {
      expect(new Edu(device).identification).toBe(eduIdentification);
    }
  });

  describe('are refused', () => {
    const closed = 4000;
    const badNumber = {
      code: 'EBADF',
      path: `descriptor ${closed}`,
      hint: expect.stringContaining('No file is open under this descriptor number'),
    };

    test.each<[string, () => number, unknown]>([
      ['of nothing', () => closed, badNumber],
      ['of a file', () => nothing, { code: 'ENOTTY', path: expect.stringContaining('/dev/null') }],
      [
        'of a group',
        () => group,
        { code: 'ENOTTY', hint: expect.stringContaining('/dev/vfio/vfio') },
      ],
    ])('as a container: %s', async (_what, descriptor, error) => {
      await expect(Container.open({ descriptor: descriptor() })).rejects.toMatchObject(
        error as object,
      );
    });

    test.each<[string, () => number, unknown]>([
      ['of nothing', () => closed, badNumber],
      ['of a file', () => nothing, { code: 'ENOTTY', path: expect.stringContaining('/dev/null') }],
      ['of a container', () => node, { hint: expect.stringContaining('/dev/vfio/N') }],
      ['of another group', () => another, { code: 'ERR_VFIO_RANGE' }],
    ])('as a group: %s', async (_what, descriptor, error) => {
      await using container = await Container.open({ descriptor: node });
      const opening = container.openGroup(groupOf(edu), { descriptor: descriptor() });
      await expect(opening).rejects.toMatchObject(error as object);
      expect(container.groups).toEqual([]);
      await container.openGroup(groupOf(edu), { descriptor: group });
    });

    test('as a group: one that another process has in its container', async () => {
      await using peer = new Peer({ descriptors: [node, group] });
      const theirs = { id: groupOf(edu), descriptor: firstDescriptor + 1 };
      await peer.call('openByDescriptors', edu.address, firstDescriptor, theirs);
      await using container = await Container.open();
      const opening = container.openGroup(groupOf(edu), { descriptor: group });
      await expect(opening).rejects.toMatchObject({
        code: 'ERR_VFIO_BUSY',
        message: expect.stringContaining('is in a container already'),
      });
      // The refusal did not take the group away from the peer.
      expect(await peer.call('invert', 0)).toBe(0xffff_ffff);
      await peer.call('closeContainer');
      await container.openGroup(groupOf(edu), { descriptor: group });
    });

    test('as a container: one that is in use, which takes nothing along', async () => {
      await using user = await Container.open({ descriptor: node });
      await user.openGroup(groupOf(edu), { descriptor: group });
      await using container = await Container.open({ descriptor: node });
      const opening = container.openGroup(groupOf(pair[0]), { descriptor: another });
      await expect(opening).rejects.toMatchObject({
        code: 'EINVAL',
        request: 'VFIO_SET_IOMMU',
        hint: expect.stringContaining('Pass a container that has no groups yet'),
      });
      await using elsewhere = await Container.open();
      await elsewhere.openGroup(groupOf(pair[0]), { descriptor: another });
      await elsewhere.openDevice(pair[0].address);
    });
  });
});

function isOpen(descriptor: string): boolean {
  return existsSync(`/proc/self/fd/${descriptor}`);
}

function flagsOf(descriptor: string): number {
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  return Number.parseInt(/^flags:\s+(\d+)$/m.exec(info)?.[1] ?? '0', 8);
}
