// SPDX-License-Identifier: MIT
// Features: the settings of a controller, with their fields by name (NVMe Base Specification 2.0, 5.15 and 5.27).
import { defineRegisters } from 'vfio';
import { AdminOpcode, type Command } from './commands.js';

/**
 * The features whose value is a dword (figure 317), as a map: a feature with identifier FID lies at 4 * FID. Features
 * with a data structure need `admin()`.
 */
export const FEATURES = defineRegisters({
  ARBITRATION: {
    at: 4 * 0x01,
    fields: { AB: [2, 0], LPW: [15, 8], MPW: [23, 16], HPW: [31, 24] },
  },
  POWER_MANAGEMENT: { at: 4 * 0x02, fields: { PS: [4, 0], WH: [7, 5] } },
  // TMPTH in kelvin. TMPSEL 0 is the composite temperature. THSEL 0 is the over, 1 the under temperature threshold.
  TEMPERATURE_THRESHOLD: {
    at: 4 * 0x04,
    fields: { TMPTH: [15, 0], TMPSEL: [19, 16], THSEL: [21, 20] },
  },
  ERROR_RECOVERY: { at: 4 * 0x05, fields: { TLER: [15, 0], DULBE: 16 } },
  VOLATILE_WRITE_CACHE: { at: 4 * 0x06, fields: { WCE: 0 } },
  // 0's based. In a request they are NSQR and NCQR, in an answer NSQA and NCQA.
  NUMBER_OF_QUEUES: { at: 4 * 0x07, fields: { NSQ: [15, 0], NCQ: [31, 16] } },
  INTERRUPT_COALESCING: { at: 4 * 0x08, fields: { THR: [7, 0], TIME: [15, 8] } },
  INTERRUPT_VECTOR_CONFIGURATION: { at: 4 * 0x09, fields: { IV: [15, 0], CD: 16 } },
  WRITE_ATOMICITY_NORMAL: { at: 4 * 0x0a, fields: { DN: 0 } },
  // SHCW has the bits of the critical warning of the SMART / Health log.
  ASYNCHRONOUS_EVENT_CONFIGURATION: {
    at: 4 * 0x0b,
    fields: {
      SHCW: [7, 0],
      NAN: 8,
      FAN: 9,
      TLN: 10,
      ANACN: 11,
      PLEALCN: 12,
      LSIAN: 13,
      EGEALCN: 14,
    },
  },
  KEEP_ALIVE_TIMER: { at: 4 * 0x0f, fields: { KATO: [31, 0] } },
  HOST_CONTROLLED_THERMAL_MANAGEMENT: { at: 4 * 0x10, fields: { TMT2: [15, 0], TMT1: [31, 16] } },
  NON_OPERATIONAL_POWER_STATE_CONFIG: { at: 4 * 0x11, fields: { NOPPME: 0 } },
  SOFTWARE_PROGRESS_MARKER: { at: 4 * 0x80, fields: { PBSLC: [7, 0] } },
});

/** The name of a feature in {@link FEATURES}. */
export type FeatureName = keyof typeof FEATURES;
/** The fields of a feature by name. */
export type FeatureFields<N extends FeatureName> = ReturnType<(typeof FEATURES)[N]['decode']>;

/** SEL, bits 10:8 of CDW10: which value of a feature to return. */
const SELECT = { current: 0, default: 1, saved: 2, capabilities: 3 } as const;

/** What Get Features takes besides the feature. */
export interface GetFeatureOptions<N extends FeatureName = FeatureName> {
  /** The namespace, for a feature that each namespace has. Default: 0. */
  readonly nsid?: number;
  /** Which value: SEL. Default: `current`. A controller without ONCS bit 4 only has `current`. */
  readonly select?: 'current' | 'default' | 'saved';
  /** Fields that choose among several values of the feature: TMPSEL and THSEL, IV. */
  readonly which?: Partial<FeatureFields<N>>;
}

/** What Set Features takes besides the feature and its value. */
export interface SetFeatureOptions {
  /** The namespace, for a feature that each namespace has. Default: 0. */
  readonly nsid?: number;
  /** SV: whether the value outlives a reset. Default: false. */
  readonly save?: boolean;
}

/** What a feature can do: the answer of Get Features with SEL 011b (figure 196). */
export interface FeatureCapabilities {
  readonly saveable: boolean;
  readonly namespaceSpecific: boolean;
  readonly changeable: boolean;
}

/** The command Get Features (5.15). */
export function getFeature<N extends FeatureName>(
  name: N,
  { nsid = 0, select = 'current', which = {} }: GetFeatureOptions<N> = {},
): Command {
  return getCommand(name, SELECT[select], nsid, encode(name, which));
}

/** The command Set Features (5.27). Fields that you leave out are 0. */
export function setFeature<N extends FeatureName>(
  name: N,
  values: Partial<FeatureFields<N>>,
  { nsid = 0, save = false }: SetFeatureOptions = {},
): Command {
  const cdw10 = (fidOf(name) | (save ? 2 ** 31 : 0)) >>> 0;
  return { opcode: AdminOpcode.SET_FEATURES, nsid, cdw10, cdw11: encode(name, values) };
}

/** Get and set features of a controller: `controller.features`. */
export class Features {
  readonly #admin: (command: Command) => Promise<number>;

  constructor(admin: (command: Command) => Promise<number>) {
    this.#admin = admin;
  }

  /** Returns the fields of a feature (Get Features, 5.15). */
  async get<N extends FeatureName>(
    name: N,
    options?: GetFeatureOptions<N>,
  ): Promise<FeatureFields<N>> {
    return decode(name, await this.#admin(getFeature(name, options)));
  }

  /**
   * Sets a feature (Set Features, 5.27). Fields that you leave out become 0: to change one field, spread the result of
   * {@link get}. Returns dword 0 of the completion as fields, which has a meaning for `NUMBER_OF_QUEUES`.
   */
  async set<N extends FeatureName>(
    name: N,
    values: Partial<FeatureFields<N>>,
    options?: SetFeatureOptions,
  ): Promise<FeatureFields<N>> {
    return decode(name, await this.#admin(setFeature(name, values, options)));
  }

  /** Returns whether the feature can be saved and changed, and whether each namespace has its own (SEL 011b). */
  async capabilities(name: FeatureName, nsid = 0): Promise<FeatureCapabilities> {
    const bits = await this.#admin(getCommand(name, SELECT.capabilities, nsid, 0));
    return parseCapabilities(bits);
  }
}

export function parseCapabilities(bits: number): FeatureCapabilities {
  return {
    saveable: (bits & 1) !== 0,
    namespaceSpecific: (bits & 2) !== 0,
    changeable: (bits & 4) !== 0,
  };
}

function getCommand(name: FeatureName, select: number, nsid: number, cdw11: number): Command {
  const cdw10 = fidOf(name) | (select << 8);
  return { opcode: AdminOpcode.GET_FEATURES, nsid, cdw10, cdw11 };
}

function fidOf(name: FeatureName): number {
  return FEATURES[name].at / 4;
}

/** The compiler cannot see that each name has its own fields, hence the casts. */
function encode<N extends FeatureName>(name: N, values: Partial<FeatureFields<N>>): number {
  return (FEATURES[name].encode as (fields: object) => number)(values);
}

function decode<N extends FeatureName>(name: N, value: number): FeatureFields<N> {
  return (FEATURES[name].decode as (value: number) => object)(value) as FeatureFields<N>;
}
