// SPDX-License-Identifier: MIT
// Asks a controller for its Identify data structures (NVMe Base Specification 2.0, 5.17): `controller.identify`.
import { Cns, type Command, IDENTIFY_BYTES, identify } from './commands.js';
import {
  type ControllerIdentity,
  type NamespaceDescriptor,
  type NamespaceIdentity,
  parseController,
  parseDescriptors,
  parseNamespace,
  parseNamespaceList,
} from './identify.js';

/** A full page of a list of namespaces; the list can continue after its last entry. */
const LIST_ENTRIES = IDENTIFY_BYTES / 4;

/** The Identify command in its forms. */
export class Identify {
  readonly #admin: (command: Command) => Promise<number>;

  constructor(admin: (command: Command) => Promise<number>) {
    this.#admin = admin;
  }

  /** Returns a copy of any structure: 4096 bytes. */
  async page(cns: number, nsid = 0): Promise<Uint8Array> {
    const data = new Uint8Array(IDENTIFY_BYTES);
    await this.#admin({ ...identify(cns, nsid), data });
    return data;
  }

  /** Identify Controller (CNS 01h). */
  async controller(): Promise<ControllerIdentity> {
    return parseController(await this.page(Cns.CONTROLLER));
  }

  /** Identify Namespace (CNS 00h). All its sizes are 0 if the namespace is not active. */
  async namespace(nsid: number): Promise<NamespaceIdentity> {
    return parseNamespace(nsid, await this.page(Cns.NAMESPACE, nsid));
  }

  /** The identifiers of all active namespaces, in ascending order (CNS 02h). */
  async activeNamespaces(): Promise<number[]> {
    const all: number[] = [];
    for (;;) {
      const last = all.at(-1) ?? 0;
      // An identifier that does not ascend would make the list endless.
      const found = parseNamespaceList(await this.page(Cns.ACTIVE_NAMESPACES, last));
      all.push(...found.filter((nsid) => nsid > last));
      if (found.length < LIST_ENTRIES || all.at(-1) === last) return all;
      if ((all.at(-1) as number) >= 0xffff_fffe) return all;
    }
  }

  /** The unique identifiers of a namespace (CNS 03h). */
  async descriptors(nsid: number): Promise<NamespaceDescriptor[]> {
    return parseDescriptors(await this.page(Cns.NAMESPACE_DESCRIPTORS, nsid));
  }
}
