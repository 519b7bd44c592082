// SPDX-License-Identifier: MIT
// The jest reporter of --list. It reports the names of the tests, of which jest runs none.
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
