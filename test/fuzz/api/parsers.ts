// SPDX-License-Identifier: MIT
// Strings that are nearly PCI addresses, for the two parsers of them.
import { loadNative } from '../../../lib/internal/load-native.js';
import type { NativeContainer } from '../../../lib/native.js';
import { parseAddress } from '../../../lib/pci.js';
import { type Draw, pick } from './random.js';

const addresses = ['0000:01:00.0', 'f00d:1f:1f.7', '10000:e1:0a.3', 'abcdef01:ff:1f.7', '01:00.0'];
const characters = [...'0178 9afgAF:./\0\n'];
const strangers = ['٠', '０', 'é', '😀', '\u202e', '\ud800', '../', 'x'.repeat(300), addresses[0]];

/** An address with a few changes, or with none. */
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

/** Its full form in TypeScript, if it is an address there. */
export function fullForm(value: unknown): string | undefined {
  try {
    return parseAddress(value);
  } catch (failure) {
    if ((failure as { code?: string }).code !== 'ERR_VFIO_ADDRESS') throw failure;
    return undefined;
  }
}

/** C++'s opinion. */
export class NativeParser {
  readonly #container: NativeContainer;

  private constructor(container: NativeContainer) {
    this.#container = container;
  }

  static async open(): Promise<NativeParser> {
    return new NativeParser(await loadNative().openContainer(undefined));
  }

  /** Whether it is an address: then it finds the device, or looks for it. */
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

/** What is wrong when the two do not agree; the short form, `01:00.0`, is TypeScript's alone. */
export function disagreement(text: string, native: NativeParser): string | undefined {
  const full = fullForm(text);
  const agreed =
    native.takes(text) === (full === text) && (full === undefined || native.takes(full));
  return agreed ? undefined : `${JSON.stringify(text)} is ${full} in TypeScript, not in C++`;
}
