// SPDX-License-Identifier: MIT
// jest's settings for the tests that need no VFIO. They run on the host, in seconds.
//   npm run test:unit                                          builds first, reports like every suite
//   npx jest -c test/jest.config.mjs [test/unit/some.test.ts]  jest alone, from the sources
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

// TypeScript becomes CommonJS: swc rewrites import.meta.url and lowers `using`. The same settings make
// the files of the test machine (test/harness/compile.ts).
const swc = JSON.parse(readFileSync(new URL('swc.json', import.meta.url), 'utf8'));

// The developer binary has two parts that only tests need: the memory back end, and the hook into the table of
// system calls. A test of the product build names the product's binary itself.
process.env.VFIO_BINARY ??= `${root}build/Release/testing/vfio_testing.node`;

/** @type {import('jest').Config} */
export default {
  rootDir: root,
  // dist/ and build/ hold copies of the same modules.
  roots: [
    '<rootDir>/lib',
    '<rootDir>/examples',
    '<rootDir>/tools',
    '<rootDir>/vm',
    '<rootDir>/bench',
    '<rootDir>/test',
  ],
  testMatch: ['<rootDir>/test/{unit,memory,process}/**/*.test.ts'],
  testEnvironment: 'node',
  // Most tests wait for processes that they start. By default, jest would leave one processor unused.
  maxWorkers: availableParallelism(),
  // Ends tests that hang: the longest test takes half a minute, and a busy machine is several times slower.
  testTimeout: 180_000 * Number(process.env.VFIO_TEST_PATIENCE ?? 1),
  transform: { '\\.ts$': ['@swc/jest', { ...swc, swcrc: false }] },
  moduleNameMapper: {
    '^vfio$': '<rootDir>/lib/index.ts',
    '^vfio/nvme$': '<rootDir>/lib/nvme/index.ts',
    '^vfio/models/nvme$': '<rootDir>/lib/models/nvme/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};
