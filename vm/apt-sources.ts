// SPDX-License-Identifier: MIT
// Reads where the host gets its packages from, in both file formats of apt.

/** One source of packages: a stanza of a `.sources` file, or a line of a `.list` file. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Other fields, by their name in a stanza: `Signed-By`, `Trusted`, ... */
  readonly fields: Readonly<Record<string, string>>;
}

/** The `deb` lines of a `.list` file. */
export function parseSourceLines(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    return [
      { uris: [uri], suites: [suite], components: words(components), fields: lineOptions(options) },
    ];
  });
}

/** The names that options of a line have as fields, where they differ. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  arch: 'Architectures',
  lang: 'Languages',
  target: 'Targets',
};

function lineOptions(options: string): Record<string, string> {
  const pairs = [...options.matchAll(/(\S+?)=(\S+)/g)];
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [
      FIELD_NAMES[name] ?? name,
      value.replaceAll(',', ' '),
    ]),
  );
}

/** The stanzas of a `.sources` file (deb822) that offer binary packages. */
export function parseSourceStanzas(text: string): AptSource[] {
  const withoutComments = text.replaceAll(/^#.*\n?/gm, '');
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = stanzaFields(stanza);
    const { types, uris, suites, components, enabled, ...others } = fields;
    if (uris === undefined || suites === undefined || enabled === 'no') return [];
    if (!words(types ?? '').includes('deb')) return [];
    return [
      {
        uris: words(uris),
        suites: words(suites),
        components: words(components ?? ''),
        fields: others,
      },
    ];
  });
}

/** Names in lower case, which apt takes as well; a continued value (an inline key) keeps its lines. */
function stanzaFields(stanza: string): Record<string, string> {
  const pairs = [...stanza.matchAll(/^([\w-]+):((?:.*\n?)(?:[ \t].*\n?)*)/gm)];
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [name.toLowerCase(), value.trim()]),
  );
}

/** What a release is called while it is in that state: Debian's own words, which others use, too. */
const ALIASES = ['stable', 'oldstable', 'oldoldstable'];

/**
 * What of these sources is the distribution itself: its releases by codename, component main; where
 * none says the codename, Debian's by their alias. Others (and their possible failures) do not
 * concern us.
 */
export function ofDistribution(sources: readonly AptSource[], codename: string): AptSource[] {
  const named = releases(sources, [codename]);
  if (named.some(({ suites }) => suites.includes(codename))) return named;
  return [...named, ...releases(sources.filter(isDebian), ALIASES)];
}

/** Debian's newer packages for a release, from the mirrors that the host has the release itself from. */
export function backportsOf(sources: readonly AptSource[], codename: string): AptSource[] {
  const mirrors = ofDistribution(sources, codename).filter(hasRelease);
  return mirrors.map((mirror) => ({ ...mirror, suites: [`${codename}-backports`] }));
}

/** Whether a source has a release itself, not only updates of it. */
export function hasRelease({ suites }: AptSource): boolean {
  return suites.some((suite) => !/[-/]/.test(suite));
}

function releases(sources: readonly AptSource[], names: readonly string[]): AptSource[] {
  const suffixes = ['', '-updates', '-security', '/updates'];
  const wanted = new Set(names.flatMap((name) => suffixes.map((suffix) => name + suffix)));
  return sources.flatMap((source) => {
    const suites = source.suites.filter((suite) => wanted.has(suite));
    const fits = suites.length > 0 && source.components.includes('main');
    return fits ? [{ ...source, suites, components: ['main'] }] : [];
  });
}

/** By its address: `http://security.debian.org/`, `http://mirror.example/debian/`. */
function isDebian({ uris }: AptSource): boolean {
  return uris.every((uri) => /\.debian\.org\b|\/debian(-security)?\/?$/.test(uri));
}

/** As a `.sources` file. */
export function formatSources(sources: readonly AptSource[]): string {
  return sources
    .map(({ uris, suites, components, fields }) => {
      const own = {
        Types: 'deb',
        URIs: uris.join(' '),
        Suites: suites.join(' '),
        Components: components.join(' '),
      };
      return Object.entries({ ...own, ...fields })
        .map(([name, value]) => `${name}: ${value.replaceAll(/\n(?!\s)/g, '\n ')}\n`)
        .join('');
    })
    .join('\n');
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
