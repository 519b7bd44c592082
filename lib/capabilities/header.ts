// SPDX-License-Identifier: MIT
// What all capabilities have in common, and what a kind of capability adds to it.
import type { Content } from './content.js';

/** The facts that every capability has: a block of registers in the config space of a PCI function. */
export interface CapabilityHeader<Name extends string | undefined = string | undefined> {
  /** The name of this kind of capability; undefined if the library does not know the ID. */
  readonly name: Name;
  /**
   * The capability ID: 8 bits for a standard capability, 16 bits for an extended one (PCI Code and ID
   * Assignment Specification, sections 2 and 3).
   */
  readonly id: number;
  /** The offset of its header in config space, in bytes. */
  readonly offset: number;
  /** The version of an extended capability, 4 bits; 0 for a standard one. */
  readonly version: number;
}

/** The fields of a capability, without its header. */
export type FieldsOf<Capability> = Omit<Capability, keyof CapabilityHeader>;

/** Decodes the registers of one kind of capability. */
export type Decode<Capability> = (content: Content) => FieldsOf<Capability>;
