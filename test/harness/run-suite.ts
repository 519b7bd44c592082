// SPDX-License-Identifier: MIT
// Runs a suite, prints its failures as they happen, and writes its results.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { TestEvent } from './events.js';
import { isExpectedSkip, parseExpectedSkips } from './expected-skips.js';
import { type ProgressLine, print, printFailure, printOther } from './output.js';
import { type FinishedCase, Recorder } from './recorder.js';
import { resultsOf, type Suite } from './suite.js';

export const expectedSkips = parseExpectedSkips(
  readFileSync(join(projectRoot, 'test/expected-skips.txt'), 'utf8'),
);
const inCi = Boolean(process.env.CI);

/** Runs a suite. If QEMU crashes, it may have caused the failures: the suite runs again, and only that run counts. */
export async function runSuite(
  suite: Suite,
  pattern: string | undefined,
  line: Pick<ProgressLine, 'update'>,
): Promise<FinishedCase[]> {
  const first = await runOnce(suite, pattern, line);
  if (!first.ending.emulatorCrashed) return first.finish();
  print(
    `QEMU crashed: ${suite.name} runs again, and only the second run counts: ${first.ending.how}`,
  );
  return (await runOnce(suite, pattern, line)).finish();
}

async function runOnce(
  suite: Suite,
  pattern: string | undefined,
  line: Pick<ProgressLine, 'update'>,
) {
  const recorder = new Recorder(suite.name, (name) =>
    inCi && !isExpectedSkip(expectedSkips, suite.name, name)
      ? 'test/expected-skips.txt does not list this skip'
      : undefined,
  );
  const report = (finished: FinishedCase | undefined) => {
    if (finished?.status === 'failed') printFailure(finished);
  };
  const event = (one: TestEvent) => {
    line.update(suite.name, one);
    report(recorder.handle(one));
    if (one.event === 'console') printOther(`${one.text}\n`);
  };
  const ending = await suite.run(pattern, { event, output: printOther });
  const finish = () => {
    recorder.finish(ending).forEach(report);
    writeResults(suite.name, recorder.cases);
    return recorder.cases;
  };
  return { ending, finish };
}

function writeResults(suite: string, cases: readonly FinishedCase[]): void {
  const lines = cases.map(({ kernelLog: _, ...record }) => `${JSON.stringify(record)}\n`);
  const path = resultsOf(suite);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, lines.join(''));
}
