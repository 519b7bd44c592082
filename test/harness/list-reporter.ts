// SPDX-License-Identifier: MIT
// The jest reporter of --list, which reports the names of the tests. With --list, jest runs no test.
import { openChannel } from './events.js';
import { parseTitles } from './titles.js';

interface JestFileResult {
  readonly testResults: readonly { ancestorTitles: readonly string[]; title: string }[];
  readonly failureMessage?: string | null;
}

export default class ListReporter {
  readonly #send = openChannel();

  onTestResult(file: { path: string }, result: JestFileResult): void {
    for (const { ancestorTitles, title } of result.testResults) {
      this.#send({ event: 'listed', name: parseTitles([...ancestorTitles, title]).name });
    }
    // A file that does not load cannot list its tests.
    if (result.failureMessage) {
      this.#send({ event: 'broken', what: file.path, reason: result.failureMessage });
    }
  }
}
