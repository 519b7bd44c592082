// SPDX-License-Identifier: MIT
// Every system call of every public operation fails once in every way. The error is right, nothing is left behind, the
// state is as before the operation or as after it, and other devices go on. The operations are those of the package's
// declarations. They run over the real type1 code, on a fake kernel.
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Container, type Device, type Interrupt } from '../../lib/index.js';
import { syscalls, useFakeKernel } from '../../tools/testing-addon.js';
import { collectGarbage } from '../support/garbage.js';
import { until } from '../support/until.js';
import { askInWorker } from './operations/adopted.js';
import { quietOperations, scenarios } from './operations/all.js';
import type { Scenario } from './operations/scenario.js';
import { elsewhere, Scene } from './operations/scene.js';
import { expectFootprint, footprint, startingFootprint } from './support.js';

type Errno = 'EMFILE' | 'ENOMEM' | 'EIO' | 'EINTR';

/** The calls that a signal can interrupt. The library repeats them; the loop around poll polls again anyway. */
const interruptible = ['open', 'pread', 'pwrite', 'read', 'write', 'poll', 'close'];
/** The calls that need memory, not descriptors. */
const ofMemory = ['mmap', 'mremap', 'munmap', 'pthread_create'];

/** The errors that a call is made to fail with: a likely one, an unlikely one, and for some calls a signal. */
function errnosOf(name: string): Errno[] {
  const isOfMemory = ofMemory.includes(name) || name.startsWith('MADV_');
  const isInterruptible = name.startsWith('VFIO_') || interruptible.includes(name);
  return [isOfMemory ? 'ENOMEM' : 'EMFILE', 'EIO', ...(isInterruptible ? ['EINTR' as const] : [])];
}

const kernel = useFakeKernel();
/** The bytes that the process has mapped before the tests. */
let mapped: number;
/** A device in a group and a container of its own. It goes on working, whatever happens to the others. */
let neighbour: { device: Device; vector: Interrupt };

beforeAll(async () => {
  const device = await (await Container.open()).openDevice(elsewhere);
  device.busMaster = true;
  device.allocDma(4096);
  neighbour = { device, vector: device.enableInterrupts('msix').vector(0) };
  device.bar(0);
  // Garbage of earlier tests must not count.
  await collectGarbage();
  mapped = syscalls().mappedBytes();
  // Silences the warning about INTx that could not be unmasked. The next listener or wait unmasks it.
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});

afterAll(async () => {
  await neighbour.device.container.close();
  expect(kernel.holdings()).toEqual([]);
  kernel.end();
});

/** The system call that a test makes fail. */
interface Failure {
  /** The name of the call, as `Syscalls.fail` takes it. */
  name: string;
  nth: number;
  errno: Errno;
}

interface Outcome {
  error: unknown;
  /** The names of the operation's system calls, in order. */
  calls: string[];
  /** The call that failed, with its request. */
  failed: string | undefined;
}

/** The resources that the fake kernel and this process hold. The kernel's eventfds do not count as the process's. */
function held() {
  const lines = kernel.holdings();
  const armed = lines.flatMap((line) => [...line.matchAll(/ \d+:(\d+)/g)]);
  const theirs = armed.reduce((sum, [, count]) => sum + Number(count), 0);
  const { descriptors } = footprint();
  const eventfd = 'anon_inode:[eventfd]';
  const eventfds = descriptors.filter((name) => name === eventfd).length - theirs;
  return { kernel: lines, eventfds, files: descriptors.filter((name) => name !== eventfd) };
}
type Held = ReturnType<typeof held>;

/** Waits for that state, because libuv closes descriptors that it watched in a later turn of the event loop. */
async function expectHeld(expected: Held): Promise<void> {
  const same = () => JSON.stringify(held()) === JSON.stringify(expected);
  await until(same).catch(() => expect(held()).toEqual(expected));
}

async function outcomeOf(scenario: Scenario, scene: Scene, failure?: Failure): Promise<Outcome> {
  syscalls().reset();
  syscalls().trace();
  if (failure !== undefined) {
    syscalls().fail(failure.nth, constants.errno[failure.errno], failure.name);
  }
  let error: unknown;
  try {
    await scenario.run(scene);
  } catch (thrown) {
    error = thrown;
  }
  const calls = syscalls().takeTrace().map(nameInTrace);
  const failed = syscalls().failed();
  syscalls().reset();
  return { error, calls, failed };
}

/** The name of a traced call: `VFIO_SET_IOMMU` for `ioctl VFIO_SET_IOMMU = 0`, `open` for `open /dev/vfio/12 = 3`. */
function nameInTrace(line: string): string {
  const [call = '', about = ''] = line.split(' ');
  return call === 'ioctl' || call === 'madvise' ? about : call;
}

/** One failure for each system call of the operation and each of its errors. */
function* failuresOf(calls: string[]): Generator<Failure> {
  for (const name of new Set(calls)) {
    const times = calls.filter((call) => call === name).length;
    for (let nth = 1; nth <= times; nth++) {
      for (const errno of errnosOf(name)) yield { name, nth, errno };
    }
  }
}

function expectNeighbourWorks(): void {
  const { device, vector } = neighbour;
  device.bar(0).write32(0, 0x1234_5678);
  expect(device.bar(0).read32(0)).toBe(0x1234_5678);
  expect(device.busMaster).toBe(true);
  vector.trigger();
  expect(vector.waitSync(0)).toBe(1);
}

/** Whether the operation must succeed although that call fails. */
function isHarmless({ tolerates = [] }: Scenario, { name, nth, errno }: Failure): boolean {
  if (errno === 'EINTR' || name === 'close') return true;
  return tolerates.includes(name) || tolerates.includes(`${name} ${nth}`);
}

function expectError(
  { codes, requests }: Scenario,
  error: unknown,
  failed: string,
  errno: Errno,
): void {
  const [syscall, named = ''] = failed.split(' ');
  const request = requests?.[named] ?? named;
  const code = codes?.[errno] ?? errno;
  const of =
    code === errno ? { syscall, ...(request && { request }), errno: expect.any(Number) } : {};
  expect(error).toEqual(expect.objectContaining({ name: 'VfioError', code, ...of }));
}

/** Runs the operation without a failure. Returns its system calls, and the resources that are held afterwards. */
async function rehearse(scenario: Scenario) {
  return onScene(scenario, async (scene) => {
    const { error, calls } = await outcomeOf(scenario, scene);
    expect(error).toBeUndefined();
    expect(calls).not.toEqual([]);
    return { calls, after: await settled() };
  });
}

async function expectSurvives(scenario: Scenario, failure: Failure, after: Held): Promise<void> {
  await onScene(scenario, async (scene) => {
    // The memory of earlier scenes is unmapped when it is collected. That munmap must not be the one that fails.
    if (failure.name === 'munmap') await collectGarbage();
    const before = held();
    const { error, failed } = await outcomeOf(scenario, scene, failure);
    if (failed === undefined || isHarmless(scenario, failure)) {
      // Only munmap may be missing: the address that the kernel chose decides if there is an excess part to unmap.
      if (failed === undefined) expect(failure.name).toBe('munmap');
      expect(error).toBeUndefined();
      const unsettled = failed !== undefined && scenario.unsettles?.includes(failure.name);
      if (unsettled) await scenario.run(scene);
      await expectHeld(after);
      return;
    }
    expectError(scenario, error, failed, failure.errno);
    const { endsAnyway = false } = scenario;
    const goesOn = typeof endsAnyway === 'boolean' ? endsAnyway : endsAnyway.includes(failure.name);
    const ends = goesOn ? after : before;
    const kept = scenario.keeps?.includes(failure.name) ?? false;
    if (kept) await expectHeld({ ...ends, kernel: before.kernel });
    else if (!scenario.unsettles?.includes(failure.name)) await expectHeld(ends);
    await expectSame(error, await outcomeOf({ run: scenario.again ?? scenario.run }, scene));
    await expectHeld(kept ? { ...after, kernel: before.kernel } : after);
  });
  expectNeighbourWorks();
}

/** Fails unless the operation succeeded now, or failed with the same error object, as a repeated close() does. */
async function expectSame(before: unknown, { error }: Outcome): Promise<void> {
  if (error !== before) expect(error).toBeUndefined();
}

async function onScene<T>(scenario: Scenario, use: (scene: Scene) => Promise<T>): Promise<T> {
  const scene = await Scene.open(scenario.beginning ?? 'everything');
  try {
    await scenario.prepare?.(scene);
    return await use(scene);
  } finally {
    syscalls().reset();
    // The test has already checked this error. It checks later whether anything is left.
    await scene.close().catch(() => {});
  }
}

describe('F22/ whichever system call fails, nothing is half done by', () => {
  test.each(scenarios())('%s', async (_, scenario) => {
    const start = await startingFootprint();
    const idle = held();
    const { calls, after } = await rehearse(scenario);
    for (const failure of failuresOf(calls)) {
      const { name, nth, errno } = failure;
      try {
        await expectSurvives(scenario, failure, after);
        await expectHeld(idle);
      } catch (cause) {
        const what = `${errno} from call ${nth} of ${name}`;
        throw new Error(`${what}: ${(cause as Error).message}`, { cause });
      }
    }
    await expectFootprint(start);
  });

  test('all of these together, which also leave nothing mapped', async () => {
    const tries = 10;
    const isBack = () => syscalls().mappedBytes() <= mapped;
    for (let i = 0; i < tries && !isBack(); i++) await collectGarbage();
    expect(syscalls().mappedBytes()).toBeLessThanOrEqual(mapped);
  });
});

describe('F22/ nothing is asked of the system by', () => {
  test.each(quietOperations())('%s', async (_, run) => {
    const scene = await Scene.open('everything');
    const { error, calls } = await outcomeOf({ run }, scene);
    expect([error, calls]).toEqual([undefined, []]);
    await scene.close();
  });

  test('what another thread does with a grant', async () => {
    const scene = await Scene.open('everything');
    expect(await askInWorker(scene)).toEqual([]);
    await scene.close();
  });
});

/** The resources that are held once libuv has released those that were closed. */
async function settled() {
  for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
  return held();
}
