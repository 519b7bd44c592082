// SPDX-License-Identifier: MIT
// Runs a suite, reports its failures as they come, and writes its results.
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

/** A machine whose QEMU crashes gets one more run. That counts: whatever failed before may have been QEMU's doing. */
export async function runSuite(
  suite: Suite,
  pattern: string | undefined,
  line: Pick<ProgressLine, 'update'>,
): Promise<FinishedCase[]> {
  const first = await runOnce(suite, pattern, line);
  if (!first.ending.emulatorCrashed) return first.finish();
  print(`${suite.name} runs once more, and only that run counts: ${first.ending.how}`);
  return (await runOnce(suite, pattern, line)).finish();
}

async function runOnce(
  suite: Suite,
  pattern: string | undefined,
  line: Pick<ProgressLine, 'update'>,
) {
  const recorder = new Recorder(suite.name, (name) =>
    inCi && !isExpectedSkip(expectedSkips, suite.name, name)
      ? 'not in test/expected-skips.txt'
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
