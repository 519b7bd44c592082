// SPDX-License-Identifier: MIT
// The events of a running suite, one JSON line each. They go to the process that reports, over a pipe from a child
// process or over the results channel of the test machine. Written at once, so that a crash loses nothing.
import { openSync, writeSync } from 'node:fs';

/** Names one test: the file that jest ran (in the machine, the one that loads all) and its full name. */
export interface TestId {
  readonly file: string;
  readonly name: string;
}

export function testKey({ file, name }: TestId): string {
  return `${file}\0${name}`;
}

export type TestStatus = 'passed' | 'failed' | 'skipped';

export interface CaseEvent extends TestId {
  readonly event: 'case';
  readonly backend: string;
  readonly device: string;
  readonly status: TestStatus;
  /** Why it failed or was skipped. */
  readonly reason: string;
  readonly ms: number;
}

export interface StartEvent extends TestId {
  readonly event: 'start';
  readonly backend: string;
  readonly device: string;
  /** Seconds since the kernel booted: the clock of its log. */
  readonly uptime: number;
}

export type TestEvent =
  | { readonly event: 'run'; readonly kernel: string }
  | StartEvent
  /** Kernel log lines that came during the test that runs. */
  | { readonly event: 'kernel-log'; readonly lines: readonly string[] }
  | CaseEvent
  /** A failure outside every test: a file that does not load, a failed afterAll. */
  | { readonly event: 'broken'; readonly what: string; readonly reason: string }
  | { readonly event: 'console'; readonly text: string }
  /** A test that --list asked for and did not run. */
  | { readonly event: 'listed'; readonly name: string }
  /** Every file has been run. */
  | { readonly event: 'end' };

/** Names the channel for {@link TestEvent}s: a descriptor's number, or a path. */
export const CHANNEL_VARIABLE = 'VFIO_TEST_EVENTS';

export type Send = (event: TestEvent) => void;

/** Opens the channel named in the environment; without one, events go nowhere (plain jest). */
export function openChannel(): Send {
  const channel = process.env[CHANNEL_VARIABLE];
  if (channel === undefined) return () => {};
  const fd = /^\d+$/.test(channel) ? Number(channel) : openSync(channel, 'a');
  return (event) => writeAll(fd, Buffer.from(`${JSON.stringify(event)}\n`));
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done);
  }
}

/** Reads one line of the channel back. A line cut short by a crash is reported, not thrown. */
export function parseEvent(line: string): TestEvent {
  try {
    return JSON.parse(line) as TestEvent;
  } catch {
    return { event: 'broken', what: 'the report of a test', reason: `cut short: ${line}` };
  }
}
