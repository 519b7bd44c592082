// SPDX-License-Identifier: MIT
// The features of the controller (NVMe Base Specification 2.0, 5.15, 5.27). None can be saved.
import { demand, StatusCode } from './status.js';

export const FeatureId = {
  ARBITRATION: 0x01,
  POWER_MANAGEMENT: 0x02,
  TEMPERATURE_THRESHOLD: 0x04,
  ERROR_RECOVERY: 0x05,
  VOLATILE_WRITE_CACHE: 0x06,
  NUMBER_OF_QUEUES: 0x07,
  INTERRUPT_COALESCING: 0x08,
  INTERRUPT_VECTOR: 0x09,
  WRITE_ATOMICITY: 0x0a,
  EVENT_CONFIGURATION: 0x0b,
} as const;

/** SEL of Get Features: which value of the feature. */
const Select = { CURRENT: 0, DEFAULT: 1, SAVED: 2, CAPABILITIES: 3 } as const;

/** AEC bit 8: Namespace Attribute Notices. */
const NAMESPACE_NOTICES = 1 << 8;
/** What SEL 3 reports: bit 2, changeable, and bit 1, one value for each namespace. */
const CHANGEABLE = 4;
const PER_NAMESPACE = 2;

const DEFAULTS: Readonly<Record<number, number>> = {
  [FeatureId.ARBITRATION]: 0,
  [FeatureId.POWER_MANAGEMENT]: 0,
  // 343 K, the warning temperature of Identify.
  [FeatureId.TEMPERATURE_THRESHOLD]: 343,
  [FeatureId.ERROR_RECOVERY]: 0,
  [FeatureId.VOLATILE_WRITE_CACHE]: 1,
  [FeatureId.INTERRUPT_COALESCING]: 0,
  [FeatureId.INTERRUPT_VECTOR]: 0,
  [FeatureId.WRITE_ATOMICITY]: 0,
  [FeatureId.EVENT_CONFIGURATION]: 0,
};

/** The values, which a reset of the controller sets to their defaults. Number of Queues is kept by the queues. */
export class Features {
  /** By identifier and scope. */
  readonly #values = new Map<string, number>();

  /** Whether the driver wants to hear about namespaces that change. */
  get namespaceNotices(): boolean {
    return (this.#current(FeatureId.EVENT_CONFIGURATION, 0) & NAMESPACE_NOTICES) !== 0;
  }

  /**
   * The value that Get Features returns. `scope` is the namespace, or the vector, for features that have a value for
   * each. `queues` is the current value of Number of Queues.
   */
  get(id: number, select: number, scope: number, queues: number): number {
    const known = id === FeatureId.NUMBER_OF_QUEUES || id in DEFAULTS;
    demand(known && select <= Select.CAPABILITIES, StatusCode.INVALID_FIELD);
    if (select === Select.CAPABILITIES) {
      return CHANGEABLE | (id === FeatureId.ERROR_RECOVERY ? PER_NAMESPACE : 0);
    }
    if (id === FeatureId.NUMBER_OF_QUEUES) return queues;
    return select === Select.CURRENT ? this.#current(id, scope) : defaultOf(id, scope);
  }

  /** Throws unless the feature can be set. */
  set(id: number, scope: number, value: number): void {
    demand(id in DEFAULTS, StatusCode.INVALID_FIELD);
    this.#values.set(key(id, scope), value);
  }

  clear(): void {
    this.#values.clear();
  }

  #current(id: number, scope: number): number {
    return this.#values.get(key(id, scope)) ?? defaultOf(id, scope);
  }
}

function key(id: number, scope: number): string {
  return `${id}/${scope}`;
}

/** The configuration of an interrupt vector contains its number. */
function defaultOf(id: number, scope: number): number {
  return id === FeatureId.INTERRUPT_VECTOR ? scope : (DEFAULTS[id] as number);
}
