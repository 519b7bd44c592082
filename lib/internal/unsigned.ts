// SPDX-License-Identifier: MIT
// Negative numbers where bits are expected: JavaScript's bitwise operators make them from unsigned ones.

/** How to get the bits of a negative value, for the end of a message. Empty if the value is not that. */
export function unsignedAdvice(value: unknown, bits: number): string {
  const convert = conversionOf(value, bits);
  return convert === undefined ? '' : ` (\`${convert}\` converts a signed value)`;
}

function conversionOf(value: unknown, bits: number): string | undefined {
  if (typeof value === 'bigint') {
    return value < 0n && value >= -(2n ** BigInt(bits - 1))
      ? `BigInt.asUintN(${bits}, value)`
      : undefined;
  }
  if (!Number.isInteger(value) || (value as number) >= 0) return undefined;
  if (bits > 32 || (value as number) < -(2 ** (bits - 1))) return undefined;
  return bits === 32 ? 'value >>> 0' : `value & 0x${(2 ** bits - 1).toString(16)}`;
}
