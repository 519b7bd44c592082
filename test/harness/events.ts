// SPDX-License-Identifier: MIT
// The events of a running suite, one JSON line each. They go to the reporting process over a pipe, or from the test
// machine over its results channel. Each is written at once, so that a crash loses none.
import { openSync, writeSync } from 'node:fs';

/** Identifies a test by its full name and the file that jest ran. (In the machine, one file loads all others.) */
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
  /** The reason why it failed or was skipped. Empty if it passed. */
  readonly reason: string;
  readonly ms: number;
}

export interface StartEvent extends TestId {
  readonly event: 'start';
  readonly backend: string;
  readonly device: string;
  /** Seconds since the kernel booted, which is the clock of its log. */
  readonly uptime: number;
}

export type TestEvent =
  | { readonly event: 'run'; readonly kernel: string }
  | StartEvent
  /** Lines that the kernel logged during the running test. */
  | { readonly event: 'kernel-log'; readonly lines: readonly string[] }
  | CaseEvent
  /** A failure outside of all tests: a file that does not load, or a failed afterAll. */
  | { readonly event: 'broken'; readonly what: string; readonly reason: string }
  | { readonly event: 'console'; readonly text: string }
  /** A test that --list only names and does not run. */
  | { readonly event: 'listed'; readonly name: string }
  /** All files have been run. */
  | { readonly event: 'end' };

/** The variable that names the channel for {@link TestEvent}s: the number of a descriptor, or a path. */
export const CHANNEL_VARIABLE = 'VFIO_TEST_EVENTS';

export type Send = (event: TestEvent) => void;

/** Opens the channel that the environment names. Without one (plain jest), events are dropped. */
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

/** Parses a line of the channel. If a crash cut the line short, it returns a `broken` event and does not throw. */
export function parseEvent(line: string): TestEvent {
  try {
    return JSON.parse(line) as TestEvent;
  } catch {
    return {
      event: 'broken',
      what: 'the report of a test',
      reason: `it was cut short, probably by a crash: ${line}`,
    };
  }
}
