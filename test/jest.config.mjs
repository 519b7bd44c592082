// SPDX-License-Identifier: MIT
// The tests that need no VFIO: they run on the host, in seconds.
//   npm run test:unit                                          builds first, reports like every suite
//   npx jest -c test/jest.config.mjs [test/unit/some.test.ts]  jest alone, from the sources
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// The developer binary has what tests need and the product has not: the memory back end and the hook into
// the table of system calls. A test of the product build names that one itself.
process.env.VFIO_BINARY ??= `${root}build/Release/testing/vfio_testing.node`;

/** @type {import('jest').Config} */
export default {
  rootDir: root,
  // Without a haste map of dist/ and build/, which hold copies of the same modules.
  roots: ['<rootDir>/lib', '<rootDir>/examples', '<rootDir>/vm', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/{unit,contract,process}/**/*.test.ts'],
  testEnvironment: 'node',
  transform: { '\\.ts$': ['@swc/jest', { ...swcOptions, sourceMaps: 'inline' }] },
  moduleNameMapper: {
    '^vfio$': '<rootDir>/lib/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};
