// SPDX-License-Identifier: MIT
// The jest reporter of all suites, which sends jest's progress as events. The types are the parts of jest's types that
// it uses.
import { release, uptime } from 'node:os';
import { relative } from 'node:path';
import { type CaseEvent, openChannel, type TestStatus, testKey } from './events.js';
import { Numbering } from './numbering.js';
import { parseTitles } from './titles.js';

interface JestConfig {
  readonly rootDir: string;
  readonly testNamePattern?: string;
}

interface JestFile {
  readonly path: string;
}

interface JestCase {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly fullName: string;
}

interface JestCaseResult extends JestCase {
  readonly status: string;
  readonly failureMessages: readonly string[];
  readonly duration?: number | null;
}

interface JestFileResult {
  readonly testResults: readonly JestCaseResult[];
  /** The error of a file that did not load, of a failed afterAll, or of a worker that died. */
  readonly testExecError?: { readonly message: string; readonly stack?: string | null };
  readonly failureMessage?: string | null;
  readonly console?: readonly { readonly message: string; readonly origin: string }[] | null;
}

const NO_REASON =
  'it is skipped without a reason (test.skip, describe.skip, test.todo, or a test.only in the same file): ' +
  'use testIf or describeIf of test/support/skips.ts';

export default class EventReporter {
  readonly #send = openChannel();
  readonly #root: string;
  readonly #pattern: RegExp | undefined;
  /** The last status that was sent for each test, by file and name. */
  readonly #sent = new Map<string, TestStatus>();
  readonly #started = new Numbering();

  constructor(config: JestConfig) {
    this.#root = config.rootDir;
    // jest compiles the pattern in the same way.
    this.#pattern = config.testNamePattern ? new RegExp(config.testNamePattern, 'i') : undefined;
  }

  onRunStart(): void {
    this.#send({ event: 'run', kernel: release() });
  }

  onTestCaseStart(file: JestFile, test: JestCase): void {
    const { name, ...subject } = parseTitles([...test.ancestorTitles, test.title]);
    const id = this.#started.next({ file: this.#name(file), name });
    const { backend, device } = subject;
    this.#send({ event: 'start', ...id, backend, device, uptime: uptime() });
  }

  onTestCaseResult(file: JestFile, result: JestCaseResult): void {
    const event = caseEvent(this.#name(file), result);
    this.#report({ ...event, ...this.#started.last(event) });
  }

  /** Reports skips and failures of whole files, which jest reports only here. */
  onTestResult(file: JestFile, result: JestFileResult): void {
    const name = this.#name(file);
    const numbering = new Numbering();
    for (const test of result.testResults) {
      if (this.#pattern?.test(test.fullName) === false) continue;
      const event = caseEvent(name, test);
      this.#report({ ...event, ...numbering.next(event) });
    }
    const error = result.testExecError;
    if (error !== undefined) this.#broken(name, error.stack || error.message);
    if (result.failureMessage) this.#console(result);
  }

  onRunComplete(): void {
    this.#send({ event: 'end' });
  }

  /** Sends the event, unless this status of the test was sent before. */
  #report(event: CaseEvent): void {
    if (this.#sent.get(testKey(event)) === event.status) return;
    this.#sent.set(testKey(event), event.status);
    this.#send(event);
  }

  #broken(what: string, reason: string): void {
    this.#send({ event: 'broken', what, reason: tidy(reason) });
  }

  #console(result: JestFileResult): void {
    const text = (result.console ?? []).map(({ message }) => message).join('\n');
    if (text !== '') this.#send({ event: 'console', text });
  }

  /** The name of the source. In the test machine, jest runs the compiled copy, but people know the source. */
  #name(file: JestFile): string {
    return relative(this.#root, file.path).replace(/\.js$/, '.ts');
  }
}

function caseEvent(file: string, result: JestCaseResult): CaseEvent {
  const { name, backend, device, skipReason } = parseTitles([
    ...result.ancestorTitles,
    result.title,
  ]);
  const base = { event: 'case', file, name, backend, device, ms: result.duration ?? 0 } as const;
  switch (result.status) {
    case 'passed':
      return { ...base, status: 'passed', reason: '' };
    case 'failed':
      return { ...base, status: 'failed', reason: tidy(result.failureMessages.join('\n\n')) };
    default:
      return skipReason === undefined
        ? { ...base, status: 'failed', reason: NO_REASON }
        : { ...base, status: 'skipped', reason: skipReason };
  }
}

/** Shortens a message for people: only stack lines of the project, and no cause that repeats the message. */
function tidy(message: string): string {
  const text = message
    .split('\n')
    .filter((line) => !/^\s+at .*(node_modules|node:|\(<anonymous>\)|at <anonymous>)/.test(line))
    .join('\n')
    .replaceAll(`${process.cwd()}/`, '');
  const [first = '', cause] = text.split('[cause]: ');
  return (cause?.includes(first.trim()) ? cause : text).trim();
}
