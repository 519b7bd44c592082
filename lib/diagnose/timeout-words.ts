// SPDX-License-Identifier: MIT
// The words for an interrupt that did not come, and for a register that did not change in time.
import { hex } from '../internal/access.js';
import type { PollTimeout, SilentInterrupt } from './finding.js';

interface TimeoutWords {
  code: 'ERR_VFIO_TIMEOUT';
  summary: string;
  hint: string;
}

const askTheDevice =
  "Check the device's own interrupt enable, mask and vector routing registers, and `dmesg` for an IOMMU fault: a " +
  'device whose DMA failed may raise nothing.';
const askForCause =
  'The vector was raised before, so the device may wait until you clear that cause, or arm the interrupt again.';

/** The words for an interrupt that did not come. */
export function explainSilence(silence: SilentInterrupt): TimeoutWords {
  const { address, type, vector, timeout, arrived } = silence;
  const facts = [
    `${arrived} ${arrived === 1 ? 'interrupt' : 'interrupts'} so far`,
    ...factsOf(silence),
  ];
  return {
    code: 'ERR_VFIO_TIMEOUT',
    summary: `${type} vector ${vector} of ${address} was not raised within ${timeout} ms (${facts.join(', ')})`,
    hint: hintOf(silence),
  };
}

function factsOf({ type, masked, state }: SilentInterrupt): string[] {
  const { busMaster, msixEnabled, functionMasked, vectorMasked, pending } = state;
  return [
    state.answers === false && 'the device does not answer',
    type === 'intx' && (masked === undefined ? 'INTx not masked' : 'INTx still masked'),
    state.intxDisabled && 'INTx disabled in the command register',
    either(state.intxRaised, 'line raised', 'line not raised'),
    either(busMaster, 'bus master on', 'bus master off'),
    either(msixEnabled, 'MSI-X enabled', 'MSI-X disabled'),
    functionMasked && 'all vectors masked',
    either(vectorMasked, 'vector masked', 'vector not masked'),
    either(pending, 'pending', 'not pending'),
  ].filter((fact) => typeof fact === 'string');
}

function either(fact: boolean | undefined, yes: string, no: string): string | undefined {
  if (fact === undefined) return undefined;
  return fact ? yes : no;
}

/** The first cause that the facts show. */
function hintOf({ type, masked, arrived, state }: SilentInterrupt): string {
  if (state.answers === false) {
    return 'Config space reads as all ones: the device is gone, without power, or its link is down.';
  }
  if (state.busMaster === false) {
    return `Set \`device.busMaster = true\`: ${type} interrupts are DMA writes. Every reset turns it off.`;
  }
  if (masked === 'by-mask') return 'Your program called mask(). Call unmask().';
  if (masked === 'until-served') {
    return (
      'The kernel masked INTx when it was last raised, and a listener, or a promise that it returned, has not ' +
      'finished. INTx is unmasked after that, or by unmask().'
    );
  }
  if (state.intxDisabled) return 'Clear bit 10 of `device.config.command`: it disables INTx.';
  if (state.msixEnabled === false || state.functionMasked || state.vectorMasked) {
    return 'The kernel arms and unmasks the vector with enableInterrupts(): close the set, and arm it again.';
  }
  if (state.intxRaised || state.pending) {
    return 'The device raised it, and the kernel did not deliver it. `dmesg` and /proc/interrupts may say why.';
  }
  if (arrived > 0) return `${askForCause} ${askTheDevice}`;
  return askTheDevice;
}

/** The words for a register that did not change in time. */
export function explainPoll(poll: PollTimeout): TimeoutWords {
  const { region, address, offset, mask, value, last, timeout } = poll;
  return {
    code: 'ERR_VFIO_TIMEOUT',
    summary:
      `${region} of ${address} at ${hex(offset)} was not ${hex(value)} under the mask ${hex(mask)} ` +
      `within ${timeout} ms (it last read as ${hex(last)})`,
    hint: last === 0xffff_ffff ? allOnesHint : pollHint,
  };
}

const allOnesHint =
  'All ones usually mean that the device does not answer there: memory decode is off (bit 1 of config.command, ' +
  'bit 0 for I/O ports), it is in a reset or asleep (D3), or it is gone.';
const pollHint =
  'The device answers. Check the offset, the mask and the value, whether what starts the change was written, and ' +
  'how long the device may take for it (after a reset often more than a second).';
