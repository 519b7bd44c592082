// SPDX-License-Identifier: MIT
// Makes strings that are almost PCI addresses, and compares the two parsers on them.
import { loadNative } from '../../../lib/internal/load-native.js';
import type { NativeContainer } from '../../../lib/native.js';
import { parseAddress } from '../../../lib/pci.js';
import { type Draw, pick } from './random.js';

const addresses = ['0000:01:00.0', 'f00d:1f:1f.7', '10000:e1:0a.3', 'abcdef01:ff:1f.7', '01:00.0'];
const characters = [...'0178 9afgAF:./\0\n'];
const strangers = ['٠', '０', 'é', '😀', '\u202e', '\ud800', '../', 'x'.repeat(300), addresses[0]];

/** Returns an address with a few changes, or unchanged. */
export function nearlyAddress(draw: Draw): string {
  let text = pick(draw, addresses) as string;
  for (let changes = draw(4); changes > 0; changes--) {
    const at = draw(text.length + 1);
    const pieces = draw(4) === 0 ? strangers : characters;
    const piece = draw(4) === 0 ? '' : pick(draw, pieces);
    text = text.slice(0, at) + piece + text.slice(at + draw(2));
  }
  return text;
}

/** Returns the full form that TypeScript parses, or undefined if the string is not an address. */
export function fullForm(value: unknown): string | undefined {
  try {
    return parseAddress(value);
  } catch (failure) {
    if ((failure as { code?: string }).code !== 'ERR_VFIO_ADDRESS') throw failure;
    return undefined;
  }
}

/** The parser in C++. */
export class NativeParser {
  readonly #container: NativeContainer;

  private constructor(container: NativeContainer) {
    this.#container = container;
  }

  static async open(): Promise<NativeParser> {
    return new NativeParser(await loadNative().openContainer(undefined));
  }

  /** Whether C++ accepts the string as an address. Then it looks for the device. */
  takes(text: string): boolean {
    try {
      this.#container.groupOf(text);
      return true;
    } catch (failure) {
      return (failure as { code?: string }).code !== 'ERR_VFIO_ADDRESS';
    }
  }

  close(): Promise<void> {
    return this.#container.close();
  }
}

/**
 * Describes how the two parsers disagree; undefined if they agree. Only TypeScript accepts the short form, `01:00.0`.
 */
export function disagreement(text: string, native: NativeParser): string | undefined {
  const full = fullForm(text);
  const agreed =
    native.takes(text) === (full === text) && (full === undefined || native.takes(full));
  return agreed
    ? undefined
    : `TypeScript parses ${JSON.stringify(text)} as ${full}, and C++ does not agree`;
}
