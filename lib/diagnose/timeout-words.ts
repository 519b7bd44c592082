// SPDX-License-Identifier: MIT
// The words for an interrupt that did not come, and for a register that did not change in time.
import { hex } from '../internal/access.js';
import type { FieldTimeout, PollTimeout, SilentInterrupt } from './finding.js';

interface TimeoutWords {
  code: 'ERR_VFIO_TIMEOUT';
  summary: string;
  hint: string;
}

const askTheDevice =
  "Check the device's own interrupt enable, mask and vector routing registers, and `dmesg` for an IOMMU fault: a " +
  'device whose DMA failed may raise nothing.';
/** The thread that waits may have adopted the device. */
const setBusMaster = 'Set `busMaster = true` on the Device, in the thread that opened it';
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
    state.noAnswer && noAnswer[state.noAnswer].fact,
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

const noAnswer = {
  'all-ones': {
    fact: 'the device does not answer',
    hint: 'Config space reads as all ones: the device is gone, without power, or its link is down.',
  },
  gone: {
    fact: 'the device is gone',
    hint: 'The device was unplugged, or it no longer answers. Close it, and open it again when it is back.',
  },
  'in-reset': {
    fact: 'the device is being reset',
    hint: 'A reset closes the interrupts of a device. After it, arm them again, start the device, and then wait.',
  },
};

function either(fact: boolean | undefined, yes: string, no: string): string | undefined {
  if (fact === undefined) return undefined;
  return fact ? yes : no;
}

/** The first cause that the facts show. */
function hintOf({ type, masked, arrived, state }: SilentInterrupt): string {
  if (state.noAnswer !== undefined) return noAnswer[state.noAnswer].hint;
  if (state.busMaster === false && type !== 'intx') {
    return `${setBusMaster}: ${type} interrupts are DMA writes. Every reset turns it off.`;
  }
  if (masked === 'by-mask') return 'Your program called mask(). Call unmask().';
  if (masked === 'until-served') {
    return (
      'The kernel masked INTx when it was last raised, and a listener, or a promise that it returned, has not ' +
      'finished. INTx is unmasked after that, or by unmask().'
    );
  }
  if (state.intxDisabled)
    return 'Clear bit 10 of the command register (`config.command`): it disables INTx.';
  if (state.msixEnabled === false || state.functionMasked || state.vectorMasked) {
    return (
      'The kernel arms and unmasks the vector with enableInterrupts(). In the thread that opened the device, close ' +
      'the set and arm it again.'
    );
  }
  if (state.intxRaised || state.pending) {
    return 'The device raised it, and the kernel did not deliver it. `dmesg` and /proc/interrupts may say why.';
  }
  if (state.busMaster === false) {
    return `${setBusMaster}: without it, the device can do no DMA, and so it may have nothing to report.`;
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

/** The words for fields that did not become the awaited values in time. */
export function explainFields(wait: FieldTimeout): TimeoutWords {
  const { register, awaited, last, timeout } = wait;
  return {
    code: 'ERR_VFIO_TIMEOUT',
    summary: `${register} did not become ${awaited} within ${timeout} ms (the last read was ${last})`,
    hint: hintOfFields(wait),
  };
}

function hintOfFields({ isMemory, isAllOnes }: FieldTimeout): string {
  if (isMemory) return memoryHint;
  return isAllOnes ? allOnesHint : pollHint;
}

const memoryHint =
  'The device writes memory by DMA. Check that it was started, that bus master is on, that it was given this IOVA, ' +
  'and `dmesg` for an IOMMU fault.';
const allOnesHint =
  'All ones usually mean that the device does not answer there: memory decode is off (bit 1 of config.command, ' +
  'bit 0 for I/O ports), it is in a reset or asleep (D3), or it is gone.';
const pollHint =
  'The device answers. Check the register and the awaited value, whether what starts the change was written, and ' +
  'how long the device may take for it (after a reset often more than a second).';
