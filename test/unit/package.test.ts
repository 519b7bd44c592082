// SPDX-License-Identifier: MIT
// The files and dependencies that an installation of the package brings, and the scripts that it runs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = join(__dirname, '../..');
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const manifest = read('package.json');

describe('S10/ the package', () => {
  test('has one dependency', () => {
    const { dependencies, peerDependencies, optionalDependencies } = manifest;
    const all = { ...dependencies, ...peerDependencies, ...optionalDependencies };
    expect(Object.keys(all)).toEqual(['node-gyp-build']);
  });

  test('runs nothing when it is installed', () => {
    const atInstall = [
      'preinstall',
      'install',
      'postinstall',
      'prepublish',
      'preprepare',
      'prepare',
      'postprepare',
    ];
    expect(Object.keys(manifest.scripts).filter((name) => atInstall.includes(name))).toEqual([]);
    // Without this, npm runs node-gyp for each package that has a binding.gyp.
    expect(manifest.gypfile).toBe(false);
  });

  test('is tested with modules whose contents are known', () => {
    const { packages } = read('package-lock.json') as {
      packages: Record<string, { integrity?: string; inBundle?: boolean }>;
    };
    const unknown = Object.entries(packages)
      .filter(
        ([path, { integrity, inBundle }]) =>
          path !== '' && !inBundle && !integrity?.startsWith('sha512-'),
      )
      .map(([path]) => path);
    expect(unknown).toEqual([]);
  });

  test('contains no test, no tool and nothing of a developer build', () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const [packed] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }));
    const tops = new Set(packed.files.map(({ path }: { path: string }) => path.split('/')[0]));
    const known = [
      'dist',
      'prebuilds',
      'src-native',
      'docs',
      'package.json',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      'SECURITY.md',
    ];
    expect([...tops].filter((top) => !known.includes(top as string))).toEqual([]);
    const docs = packed.files
      .map(({ path }: { path: string }) => path)
      .filter((path: string) => path.startsWith('docs/'));
    const shipped = ['errors', 'privileges', 'troubleshooting', 'workers'];
    expect(docs.sort()).toEqual(shipped.map((page) => `docs/${page}.md`));
  });
});
