// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import {
  backportsOf,
  formatSources,
  hasRelease,
  ofDistribution,
  parseSourceLines,
  parseSourceStanzas,
} from '../../vm/apt-sources.js';
import { dependencies, loadOrder } from '../../vm/kernel-modules.js';

const STANZAS = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://other.example/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
`;

test('of stanzas, those of binary packages that are enabled count', () => {
  const sources = parseSourceStanzas(STANZAS);
  expect(sources.map(({ uris }) => uris[0])).toEqual([
    'http://mirror.example/debian',
    'http://other.example/node',
  ]);
  expect(sources[0]).toMatchObject({
    suites: ['bookworm', 'bookworm-updates'],
    components: ['main', 'contrib'],
  });
  expect(sources[0]?.fields['signed-by']).toMatch(/^-----BEGIN[\s\S]*\n \.\n abc\n/);
});

test('lines are read with their options', () => {
  const text = `# deb http://no.example/ x main
deb [arch=amd64,i386 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib # why
deb-src http://mirror.example/debian bookworm main`;
  expect(parseSourceLines(text)).toEqual([
    {
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm'],
      components: ['main', 'contrib'],
      fields: { Architectures: 'amd64 i386', 'signed-by': '/k.gpg' },
    },
  ]);
});

test('only the main part of the distribution itself is used', () => {
  const sources = parseSourceLines(`deb http://a.example bookworm main non-free
deb http://a.example bookworm-security main
deb http://a.example bookworm-backports main
deb http://docker.example bookworm stable
deb http://cloud.example sdk-bookworm main`);
  const used = ofDistribution(sources, 'bookworm');
  expect(used.map(({ suites }) => suites[0])).toEqual(['bookworm', 'bookworm-security']);
  expect(used.map(({ components }) => components)).toEqual([['main'], ['main']]);
});

test("Debian's own sources may name the release by its alias", () => {
  const sources = parseSourceLines(`deb http://deb.debian.org/debian stable main contrib
deb http://deb.debian.org/debian stable-updates main
deb http://deb.debian.org/debian stable-backports main
deb http://security.debian.org/debian-security stable-security main
deb http://mirror.example/debian/ oldstable main
deb http://browser.example/linux/deb stable main`);
  const used = ofDistribution(sources, 'trixie');
  expect(used.map(({ suites }) => suites[0])).toEqual([
    'stable',
    'stable-updates',
    'stable-security',
    'oldstable',
  ]);
  expect(used.filter(hasRelease).map(({ suites }) => suites[0])).toEqual(['stable', 'oldstable']);
});

test('an alias counts only where no source names the release itself', () => {
  const sources = parseSourceLines(`deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian stable main`);
  const used = ofDistribution(sources, 'bookworm');
  expect(used.map(({ suites }) => suites[0])).toEqual(['bookworm']);
});

test('the backports of a release come from where the release itself comes from', () => {
  const sources =
    parseSourceLines(`deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib
deb http://security.example bookworm-security main
deb http://other.example/node nodistro main`);
  expect(backportsOf(sources, 'bookworm')).toEqual([
    {
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm-backports'],
      components: ['main'],
      fields: { 'signed-by': '/k.gpg' },
    },
  ]);
});

test('sources survive being written and read again', () => {
  const sources = parseSourceStanzas(STANZAS);
  expect(parseSourceStanzas(formatSources(sources))).toEqual(sources);
});

test('modules come after what they need, once', () => {
  const needs: Record<string, string[]> = { a: ['b', 'c'], b: ['d'], c: ['d'], d: [], e: ['a'] };
  expect(loadOrder(['e', 'c'], (name) => needs[name] ?? [])).toEqual(['d', 'b', 'c', 'a', 'e']);
});

test('a module names what it needs, as file names or as the kernel does', () => {
  const module = Buffer.from('\x7fELF..\0alias=x\0depends=nvme-core,t10_pi\0name=nvme\0');
  expect(dependencies(module)).toEqual(['nvme_core', 't10_pi']);
  expect(dependencies(Buffer.from('\0depends=\0name=x\0'))).toEqual([]);
  expect(dependencies(Buffer.from('no such section'))).toEqual([]);
});
