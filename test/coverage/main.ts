// SPDX-License-Identifier: MIT
// The last step of `npm run coverage`: prints one table for both languages. It ends with 1 if coverage is too low.
import { textTable } from '../../tools/table.js';
import { collectNative, collectTypeScript } from './collect.js';
import { below, type Coverage, measures, missed, percent, required, type Share } from './counts.js';

const parts = ['src-native/sys', 'src-native/vfio', 'src-native/binding', 'src-native', 'lib'];

function cells(name: string, { lines, branches }: Coverage): string[] {
  const one = (share: Share) => [
    `${percent(share).toFixed(1)} %`,
    `${share.covered}/${share.total}`,
  ];
  return [name, ...one(lines), ...one(branches)];
}

const files = new Map([...(await collectNative()), ...collectTypeScript()]);
const all = below(files, '');
const rows = [
  ...parts.map((part) => cells(part, below(files, `${part}/`))),
  cells('together', all),
];
const short = ['src-native/', 'lib/', ''].flatMap((part) =>
  missed(below(files, part)).map((measure) => `${measure} of ${part || 'all files'}`),
);
console.log(textTable(['', 'lines', '', 'branches', ''], rows, [1, 2, 3, 4]));
const goal = measures.map((measure) => `${required[measure]} % of ${measure}`).join(', ');
console.log(
  `\nrequired: ${goal}; ${short.length === 0 ? 'reached' : `MISSED by ${short.join(', ')}`}`,
);
console.log(
  'coverage of each line: build/coverage/native.html, build/coverage/typescript/index.html',
);
process.exitCode = short.length === 0 ? 0 : 1;
