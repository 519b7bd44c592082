// SPDX-License-Identifier: MIT
// The program of the borrowing thread. It adopts each token it gets, and makes random calls on the adopted objects.
import { parentPort, workerData } from 'node:worker_threads';
import { adopt } from '../../../lib/index.js';
import type { BorrowerAnswer, BorrowerData } from './borrower.js';
import { Calls } from './calls.js';
import { isAnswer } from './judge.js';
import { useMember } from './members.js';
import { Pool } from './pool.js';
import { drawFor, pick } from './random.js';
import { Values } from './values.js';

const CALLS = 40;

const { api, seed } = workerData as BorrowerData;
const values = new Values(seed);
const pool = new Pool(api.classes);
const calls = new Calls((value) => pool.absorb(value));

process.on('uncaughtException', (failure) => calls.judge(failure, 'an uncaught exception'));
process.on('unhandledRejection', (failure) => calls.judge(failure, 'an unhandled rejection'));
process.on('warning', () => {});

async function use(token: string, number: number): Promise<void> {
  calls.make({ what: 'adopt', args: [token], make: () => adopt(token) });
  for (let call = 0; call < CALLS; call++) {
    const draw = drawFor(seed + number, call);
    const object = pool.any(draw);
    const member = object && pick(draw, api.classes[object.constructor.name]?.members ?? []);
    if (object !== undefined && member !== undefined) {
      calls.make(useMember(object, member, { values, pool, draw }));
    }
    if (draw(10) === 0) await calls.turn();
  }
}

parentPort?.on('message', async ({ token, number }: { token: string; number: number }) => {
  await use(token, number).catch((failure: unknown) => {
    if (!isAnswer(failure)) calls.judge(failure, 'a borrower');
  });
  const { failure } = calls;
  const answer: BorrowerAnswer = {
    number,
    failure: failure && `${failure.message}: ${(failure.cause as Error | undefined)?.stack}`,
  };
  parentPort?.postMessage(answer);
});
