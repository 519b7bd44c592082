// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import { mutate, readMutations } from '../mutations/list.js';

test.each(readMutations().map((mutation) => [mutation.what, mutation] as const))(
  'there is a place to put this fault: %s',
  (_, mutation) => {
    const source = readFileSync(join(projectRoot, mutation.file), 'utf8');
    expect(mutate(source, mutation)).not.toBe(source);
  },
);
