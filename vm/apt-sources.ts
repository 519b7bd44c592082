// SPDX-License-Identifier: MIT
// Reads the package sources of the host, in both file formats of apt.

/** One source of packages: a stanza of a `.sources` file, or a line of a `.list` file. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The other fields, by their names in a stanza: `Signed-By`, `Trusted` and so on. */
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

/** The field names of those line options that are called differently in a stanza. */
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

/** Names are in lower case, which apt accepts. A value of several lines (an inline key) keeps its line breaks. */
function stanzaFields(stanza: string): Record<string, string> {
  const pairs = [...stanza.matchAll(/^([\w-]+):((?:.*\n?)(?:[ \t].*\n?)*)/gm)];
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [name.toLowerCase(), value.trim()]),
  );
}

/** Debian's names for the state of a release. Other distributions use them too. */
const ALIASES = ['stable', 'oldstable', 'oldoldstable'];

/**
 * The sources of the distribution itself: the releases with this codename, component main. If no source names the
 * codename, it also takes Debian's sources that name an alias. It leaves out all other sources, so they cannot fail.
 */
export function ofDistribution(sources: readonly AptSource[], codename: string): AptSource[] {
  const named = releases(sources, [codename]);
  if (named.some(({ suites }) => suites.includes(codename))) return named;
  return [...named, ...releases(sources.filter(isDebian), ALIASES)];
}

/** The backports of a Debian release, from the mirrors from which the host gets the release itself. */
export function backportsOf(sources: readonly AptSource[], codename: string): AptSource[] {
  const mirrors = ofDistribution(sources, codename).filter(hasRelease);
  return mirrors.map((mirror) => ({ ...mirror, suites: [`${codename}-backports`] }));
}

/** Whether a source has a release itself, and not only its updates. */
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

/** Recognises Debian by the address: `http://security.debian.org/`, `http://mirror.example/debian/`. */
function isDebian({ uris }: AptSource): boolean {
  return uris.every((uri) => /\.debian\.org\b|\/debian(-security)?\/?$/.test(uri));
}

/** The text of a `.sources` file with these sources. */
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
