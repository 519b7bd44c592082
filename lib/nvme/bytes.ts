// SPDX-License-Identifier: MIT
// Reads values from copies of the controller's data structures: text, integers of 128 bits, unique identifiers.

/** A view of exactly these bytes. */
export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** A little-endian integer of 128 bits. */
export function uint128(view: DataView, at: number): bigint {
  return view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);
}

/** Strings are ASCII, padded with spaces or zeros (1.4.2). An unprintable character becomes a dot. */
export function ascii(data: Uint8Array, from: number, to: number): string {
  const text = String.fromCharCode(...data.subarray(from, to));
  return text.replace(/[\0 ]+$/, '').replace(/[^\x20-\x7e]/g, '.');
}

/** Hexadecimal digits, the first byte first. */
export function hex(data: Uint8Array, from: number, to: number): string {
  return Buffer.from(data.subarray(from, to)).toString('hex');
}
