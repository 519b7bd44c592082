// SPDX-License-Identifier: MIT
// How TypeScript becomes what jest runs: CommonJS for Node 20, on the host (test/jest.config.mjs) as in
// the test machine (scripts/guest.mjs). swc rewrites import.meta.url and lowers `using`.
// The value of `@swc/core`'s `transform` and of `@swc/jest`'s options.

/** @type {import('@swc/core').Options} */
export const swcOptions = {
  swcrc: false,
  configFile: false,
  jsc: {
    parser: { syntax: 'typescript' },
    target: 'es2022',
    keepClassNames: true,
    transform: { verbatimModuleSyntax: true },
  },
  module: { type: 'commonjs' },
};
