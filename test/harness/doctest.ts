// SPDX-License-Identifier: MIT
// Turns the XML report of a doctest program into events, line by line. The program runs with `--reporters=xml` and with
// `--duration=true` or `--list-test-cases`.
import { uptime } from 'node:os';
import { basename } from 'node:path';
import type { Send } from './events.js';

const BEGIN = /^\s*<TestCase name="([^"]*)" filename="([^"]*)"/;
/** The end of the element of a case that is skipped or only listed. */
const WHOLE = /skipped="(true|false)"\/>$/;
const VERDICT = /^\s*<OverallResultsAsserts .*test_case_success="(true|false)" duration="([^"]*)"/;
const PLACE = /filename="([^"]*)" line="(\d+)"/;
const END = /^\s*<\/doctest>/;

const NATIVE = { backend: '', device: '' } as const;

export class DoctestReader {
  readonly #send: Send;
  readonly #pattern: RegExp;
  #current = { file: '', name: '' };
  /** The messages of the running case. */
  #said: string[] = [];

  /** Reports the cases whose name matches `pattern`. */
  constructor(send: Send, pattern: RegExp) {
    this.#send = send;
    this.#pattern = pattern;
  }

  push(line: string): void {
    const begin = BEGIN.exec(line);
    const verdict = VERDICT.exec(line);
    if (begin !== null) this.#begin(decode(begin[1]), decode(begin[2]), WHOLE.exec(line)?.[1]);
    else if (verdict !== null) this.#end(verdict[1] === 'true', Number(verdict[2]));
    else if (END.test(line)) this.#send({ event: 'end' });
    else this.#listen(line);
  }

  get #selected(): boolean {
    return this.#pattern.test(this.#current.name);
  }

  #begin(name: string, path: string, skipped: string | undefined): void {
    this.#current = { file: `test/native/${basename(path)}`, name };
    this.#said = [];
    if (!this.#selected) return;
    if (skipped === 'false') this.#send({ event: 'listed', name });
    else if (skipped === 'true') {
      this.#report('failed', 'it is skipped without a reason: doctest::skip() has none', 0);
    } else this.#send({ event: 'start', ...this.#current, ...NATIVE, uptime: uptime() });
  }

  #end(success: boolean, seconds: number): void {
    if (!this.#selected) return;
    this.#report(success ? 'passed' : 'failed', success ? '' : this.#said.join('\n'), seconds);
  }

  #report(status: 'passed' | 'failed', reason: string, seconds: number): void {
    const ms = Math.round(seconds * 1000);
    this.#send({ event: 'case', ...this.#current, ...NATIVE, status, reason, ms });
  }

  /** Keeps the text of an element, and the file and line of a failed check. */
  #listen(line: string): void {
    const text = decode(line.replace(/<[^>]*>/g, '')).trim();
    const [, path = '', number] = PLACE.exec(line) ?? [];
    if (path !== '') this.#said.push(`${basename(decode(path))}:${number}`);
    if (text !== '') this.#said.push(`  ${text}`);
  }
}

function decode(text = ''): string {
  const names: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => names[name] ?? '');
}
