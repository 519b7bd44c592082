// SPDX-License-Identifier: MIT
// Interrupt sets, their vectors, and grants.
import type { Interrupt } from '../../../lib/index.js';
import type { Operations, Quiet, Scenario } from './scenario.js';
import type { Scene } from './scene.js';

const ignore = () => {};

/** INTx in place of MSI-X. */
function useIntx(scene: Scene): Interrupt {
  scene.interrupts.close();
  scene.interrupts = scene.device.enableInterrupts('intx');
  scene.vector = scene.interrupts.vector(0);
  return scene.vector;
}

/** INTx that was raised, and has to be unmasked by whoever waits next. */
function useRaisedIntx(scene: Scene): void {
  useIntx(scene).trigger();
  scene.vector.waitSync(0);
}

const unmasking = ['VFIO_DEVICE_SET_IRQS'];

/** Listening asks for nothing, but where the one before has left INTx masked: the next one tries again. */
function listening(run: Quiet): (Quiet | Scenario)[] {
  return [run, { on: 'of INTx', prepare: useRaisedIntx, run, tolerates: unmasking }];
}

/** What the kernel would not disarm is disarmed by who arms next; so is the INTx line masked. */
const closeSet: Scenario = {
  run: ({ interrupts }) => interrupts.close(),
  endsAnyway: true,
  again: ({ device, interrupts }) => device.enableInterrupts(interrupts.type).close(),
  unsettles: ['VFIO_DEVICE_SET_IRQS', 'pread', 'pwrite'],
};

export const interruptOperations: Operations = {
  'InterruptSet.vector': ({ interrupts }) => interrupts.vector(1),
  'InterruptSet.closed': ({ interrupts }) => interrupts.closed,
  'InterruptSet.close': [closeSet, { ...closeSet, on: 'of INTx', prepare: useIntx }],
  'InterruptSet.[dispose]': {
    ...closeSet,
    run: ({ interrupts }) => interrupts[Symbol.dispose](),
  },
  'Interrupt.count': ({ vector }) => vector.count,
  'Interrupt.on': listening(({ vector }) => vector.on(ignore)),
  'Interrupt.off': ({ vector }) => vector.on(ignore).off(ignore),
  'Interrupt.ref': ({ vector }) => vector.ref(),
  'Interrupt.unref': ({ vector }) => vector.unref(),
  'Interrupt.once': [
    {
      prepare: ({ vector }) => vector.trigger(),
      run: ({ vector }) => vector.once(),
      tolerates: ['read'], // what was not read is there in the next turn of the loop
    },
    ({ vector }) => vector.once({ timeout: 1 }).catch(ignore),
  ],
  'Interrupt.[asyncIterator]': [
    {
      on: 'and a step',
      prepare: ({ vector }) => vector.trigger(),
      run: async ({ vector }) => {
        const steps = vector[Symbol.asyncIterator]();
        await steps.next();
        await steps.return?.();
      },
      tolerates: ['read'],
    },
    ...listening(({ vector }) => vector[Symbol.asyncIterator]().return?.()),
  ],
  'Interrupt.waitSync': [
    {
      prepare: ({ vector }) => vector.trigger(),
      run: ({ vector }) => vector.waitSync(),
      tolerates: ['read'],
    },
    {
      on: 'of INTx',
      prepare: (scene) => {
        useRaisedIntx(scene);
        scene.vector.trigger();
      },
      run: ({ vector }) => vector.waitSync(),
      tolerates: ['read', ...unmasking],
    },
  ],
  'Interrupt.trigger': { run: ({ vector }) => vector.trigger() },
  'Interrupt.mask': { prepare: useIntx, run: ({ vector }) => vector.mask() },
  'Interrupt.unmask': { prepare: useIntx, run: ({ vector }) => vector.unmask() },

  'Grant.revoke': ({ device, bar, vector }) =>
    device.grant({ regions: [bar], vectors: [vector] }).revoke(),
  'Grant.[asyncDispose]': ({ device }) => device.grant({})[Symbol.asyncDispose](),
};
