// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { type EventSource, eventsOf, parseEvent } from '../../lib/nvme/events.js';

describe('an event', () => {
  test('has the names of figures 146 to 152', () => {
    expect(parseEvent(0x0002_0101)).toEqual({
      type: 1,
      typeName: 'SMART / Health status',
      info: 1,
      infoName: 'Temperature Threshold',
      lid: 2,
    });
    expect(parseEvent(0x0004_0002).infoName).toBe('Namespace Attribute Changed');
    expect(parseEvent(0x0001_0000)).toMatchObject({ typeName: 'Error status', lid: 1 });
  });

  test('without a name has its numbers', () => {
    expect(parseEvent(0xffff_ffff)).toMatchObject({
      typeName: 'Vendor specific',
      infoName: 'Information 0xff',
      lid: 0xff,
    });
    expect(parseEvent(4)).toMatchObject({ typeName: 'Type 4', infoName: 'Information 0x00' });
  });
});

describe('the loop over events', () => {
  const aborted = new Error('aborted');

  /** Answers the requests one by one. An Error is thrown; after the last answer, the controller is closed. */
  function source(...answers: (number | Error)[]): EventSource & { requests: number } {
    return {
      requests: 0,
      usable: async () => answers.length > 0,
      async request() {
        this.requests++;
        const answer = answers.shift() as number | Error;
        if (typeof answer === 'number') return answer;
        throw answer;
      },
      wasAborted: (error) => error === aborted,
    };
  }

  async function lids(from: EventSource): Promise<number[]> {
    const seen: number[] = [];
    for await (const { lid } of eventsOf(from)) seen.push(lid);
    return seen;
  }

  test('asks again after each event and after a reset, and ends with the controller', async () => {
    const from = source(0x0002_0101, aborted, 0x0004_0002, aborted);
    expect(await lids(from)).toEqual([2, 4]);
    expect(from.requests).toBe(4);
  });

  test('throws what made the controller fail', async () => {
    await expect(lids(source(0x0002_0101, new Error('failed')))).rejects.toThrow('failed');
  });

  test('asks for nothing while an event is handled, and nothing more once it is left', async () => {
    const from = source(1, 2, 3);
    for await (const _ of eventsOf(from)) {
      expect(from.requests).toBe(1);
      break;
    }
    expect(from.requests).toBe(1);
  });
});
