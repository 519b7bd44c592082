// SPDX-License-Identifier: MIT
// Asynchronous events: what the controller reports without being asked (NVMe Base Specification 2.0, 5.2).

/** An event that the controller reported (figure 146). */
export interface NvmeEvent {
  /** Asynchronous Event Type, from 0 to 7. */
  readonly type: number;
  /** The specification's name of the type. */
  readonly typeName: string;
  /** Asynchronous Event Information: which event of the type. */
  readonly info: number;
  /** The specification's name of the event, such as `Temperature Threshold`. */
  readonly infoName: string;
  /** The log page that says more. Until it is read, the controller does not report another event of this type. */
  readonly lid: number;
}

const TYPES: Readonly<Record<number, string>> = {
  0: 'Error status',
  1: 'SMART / Health status',
  2: 'Notice',
  3: 'Immediate',
  6: 'I/O Command Specific Status',
  7: 'Vendor specific',
};

/** By type, then by information. */
const INFORMATION: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  0: {
    0: 'Write to Invalid Doorbell Register',
    1: 'Invalid Doorbell Write Value',
    2: 'Diagnostic Failure',
    3: 'Persistent Internal Error',
    4: 'Transient Internal Error',
    5: 'Firmware Image Load Error',
  },
  1: {
    0: 'NVM subsystem Reliability',
    1: 'Temperature Threshold',
    2: 'Spare Below Threshold',
  },
  2: {
    0: 'Namespace Attribute Changed',
    1: 'Firmware Activation Starting',
    2: 'Telemetry Log Changed',
    3: 'Asymmetric Namespace Access Change',
    4: 'Predictable Latency Event Aggregate Log Change',
    5: 'LBA Status Information Alert',
    6: 'Endurance Group Event Aggregate Log Page Change',
  },
  3: { 0: 'NVM Subsystem Normal Shutdown' },
  6: {
    0: 'Reservation Log Page Available',
    1: 'Sanitize Operation Completed',
    2: 'Sanitize Operation Completed With Unexpected Deallocation',
    3: 'Zone Descriptor Changed',
  },
};

/** Decodes dword 0 of the completion of an Asynchronous Event Request. */
export function parseEvent(dword0: number): NvmeEvent {
  const type = dword0 & 7;
  const info = (dword0 >>> 8) & 0xff;
  return {
    type,
    typeName: TYPES[type] ?? `Type ${type}`,
    info,
    infoName: INFORMATION[type]?.[info] ?? `Information 0x${info.toString(16).padStart(2, '0')}`,
    lid: (dword0 >>> 16) & 0xff,
  };
}

/** What the loop over events needs from its controller. */
export interface EventSource {
  /** Sends an Asynchronous Event Request, and resolves with dword 0 of its completion. */
  request(): Promise<number>;
  /** Waits until the controller accepts commands. Returns false if it never will again. Rejects if it failed. */
  usable(): Promise<boolean>;
  /** Whether this error only says that a reset, or the end, aborted the request. */
  wasAborted(error: unknown): boolean;
}

/** Asks for one event after the other. A reset of the controller only delays the next event. */
export async function* eventsOf(source: EventSource): AsyncGenerator<NvmeEvent, void, undefined> {
  while (await source.usable()) {
    let dword0: number;
    try {
      dword0 = await source.request();
    } catch (error) {
      if (source.wasAborted(error)) continue;
      throw error;
    }
    yield parseEvent(dword0);
  }
}
