// SPDX-License-Identifier: MIT
// Downloads packages of the distribution with private state and cache folders of apt. Nothing under /etc or /var
// changes, so an ordinary user can do it.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../tools/paths.js';
import { runProgram } from '../tools/run-program.js';
import type { AptSource } from './apt-sources.js';
import { formatSources, parseSourceLines, parseSourceStanzas } from './apt-sources.js';
import { VmError } from './errors.js';

/** The host's distribution, from /etc/os-release. */
export interface Distribution {
  readonly id: string;
  readonly codename: string;
}

/** The distribution of the host. Throws if it has no apt-get; `purpose` names what cannot be downloaded then. */
export function distribution(purpose: string): Distribution {
  const release = readFileSync('/etc/os-release', 'utf8');
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? '';
  const codename = field('VERSION_CODENAME');
  if (codename === '' || findProgram('apt-get') === undefined) {
    throw new VmError(
      'ERR_VM_MISSING',
      `cannot download ${purpose}: it comes from a Debian or Ubuntu package, and ${field('PRETTY_NAME') || 'this system'} has no apt-get. ` +
        'Give the path of a kernel image with --kernel or VFIO_VM_KERNEL instead',
    );
  }
  return { id: field('ID'), codename };
}

/** All package sources that are configured on the host. */
export function hostSources(): AptSource[] {
  const directory = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...listDirectory(directory).map((name) => join(directory, name)),
  ];
  return files.flatMap((file) => {
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return [];
    const text = readFileSync(file, 'utf8');
    return file.endsWith('.sources')
      ? parseSourceStanzas(text)
      : file.endsWith('.list')
        ? parseSourceLines(text)
        : [];
  });
}

function listDirectory(directory: string): string[] {
  return statSync(directory, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(directory);
}

/** apt with its lists, cache and sources in a private folder. */
export class PrivateApt {
  readonly #directory: string;
  readonly #options: readonly string[];
  readonly #sources: readonly AptSource[];

  /** Downloads the package lists of `sources` into `directory`. */
  static async open(directory: string, sources: readonly AptSource[]): Promise<PrivateApt> {
    const apt = new PrivateApt(directory, sources);
    await apt.#update();
    return apt;
  }

  private constructor(directory: string, sources: readonly AptSource[]) {
    this.#directory = directory;
    this.#sources = sources;
    for (const name of ['state/lists/partial', 'cache/archives/partial', 'sources', 'packages']) {
      mkdirSync(join(directory, name), { recursive: true });
    }
    writeFileSync(join(directory, 'sources/vfio-vm.sources'), formatSources(sources));
    writeFileSync(join(directory, 'status'), '');
    const settings = {
      'Dir::State': join(directory, 'state'),
      'Dir::State::status': join(directory, 'status'),
      'Dir::Cache': join(directory, 'cache'),
      'Dir::Etc::SourceList': '/dev/null',
      'Dir::Etc::SourceParts': join(directory, 'sources'),
      'Acquire::Languages': 'none',
      // Without this, apt as root switches to the user _apt, which cannot write here.
      'APT::Sandbox::User': '',
    };
    this.#options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  }

  async #update(): Promise<void> {
    try {
      await this.#run('apt-get', ['update', '-q']);
    } catch (error) {
      throw new VmError(
        'ERR_VM_MISSING',
        `cannot download the package lists from ${this.#mirrors()}: ${message(error)}`,
      );
    }
  }

  /** The packages that `name` depends on. */
  async dependencies(name: string): Promise<string[]> {
    const output = await this.#run('apt-cache', ['depends', name]);
    return [...output.matchAll(/^\s*Depends: ([^<\s]+)/gm)].map((match) => match[1] ?? '');
  }

  /** Whether the sources offer a package of this name. */
  async has(name: string): Promise<boolean> {
    return /^\s+Candidate: \d/m.test(await this.#run('apt-cache', ['policy', name]));
  }

  /** Downloads a package and unpacks it. Returns the directory with its files. */
  async unpack(name: string): Promise<string> {
    const packages = join(this.#directory, 'packages');
    try {
      await this.#run('apt-get', ['download', name], packages);
    } catch (error) {
      throw new VmError(
        'ERR_VM_MISSING',
        `cannot download the package ${name} from ${this.#mirrors()} (a mirror may list a package that it no longer has): ${message(error)}`,
      );
    }
    const file = readdirSync(packages).find((entry) => entry.startsWith(`${name}_`));
    if (file === undefined)
      throw new VmError(
        'ERR_VM_MISSING',
        `apt-get download ${name} succeeded, but there is no file ${name}_*`,
      );
    const directory = join(this.#directory, `unpacked-${name}`);
    await runProgram('dpkg-deb', ['-x', join(packages, file), directory]);
    return directory;
  }

  #mirrors(): string {
    return (
      [...new Set(this.#sources.flatMap((source) => source.uris))].join(', ') ||
      '(no source is configured)'
    );
  }

  #run(program: string, args: readonly string[], cwd?: string): Promise<string> {
    return runProgram(program, [...this.#options, ...args], cwd === undefined ? {} : { cwd });
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
