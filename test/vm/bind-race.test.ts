// SPDX-License-Identifier: MIT
// Two processes bind and restore the same device at once: they take turns, and the one that bound it has it.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { blocked, nvme, type VmDevice } from '../../vm/devices.js';
import { Peer } from '../support/peer.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';
import { driverOf, nvmeDisk, overrideOf } from '../support/sysfs.js';

/** The number of rounds. `VFIO_TEST_RACES=200` sets another. */
const rounds = Number(process.env.VFIO_TEST_RACES || 5);
/** A hang guard: under emulation on a busy machine, a round takes some seconds. */
const ROUND_LIMIT_MS = 30_000;

describeOn({ backend: 'type1' }, 'S2/ binding in a race', () => {
  let peers: [Peer, Peer];

  beforeAll(async () => {
    await nvmeDisk();
    peers = [new Peer(), new Peer()];
  });
  afterAll(async () => {
    for (const peer of peers) await peer.kill();
  });

  /** Both processes bind the device, watch for this long whether it stays bound, and restore it. */
  async function race(device: VmDevice, milliseconds: number): Promise<void> {
    const { address, driver } = device;
    const turns = await Promise.all(
      peers.map((peer) => peer.call('takeTurn', address, milliseconds)),
    );
    const owners = turns.filter(({ isOwn }) => isOwn);
    expect(owners.length).toBeGreaterThan(0);
    for (const { drivers } of owners) expect(drivers).toEqual(['vfio-pci']);
    expect([driverOf(device), overrideOf(device)]).toEqual([driver, '(null)']);
  }

  const raceIf = testIf(
    existsSync('/proc/locks'),
    'this kernel has no file locks, so the processes cannot take turns',
  );

  for (const { name, device, times } of [
    // The kernel's nvme driver needs seconds to release the controller.
    { name: 'an NVMe controller', device: nvme, times: Math.ceil(rounds / 5) },
    { name: 'a network device', device: blocked.neighbour, times: rounds },
  ]) {
    raceIf(
      `two processes take turns at ${name}, ${times} times`,
      async () => {
        for (let round = 0; round < times; round++) await race(device, 1 + (round % 20));
        await nvmeDisk();
      },
      rounds * ROUND_LIMIT_MS,
    );
  }
});
