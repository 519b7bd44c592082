// SPDX-License-Identifier: MIT
// The operations of interrupt sets, interrupts and grants.
import type { Interrupt } from '../../../lib/index.js';
import type { Operations, Quiet, Scenario } from './scenario.js';
import type { Scene } from './scene.js';

const ignore = () => {};

/** Arms INTx in place of MSI-X. */
function useIntx(scene: Scene): Interrupt {
  scene.interrupts.close();
  scene.interrupts = scene.device.enableInterrupts('intx');
  scene.vector = scene.interrupts.vector(0);
  return scene.vector;
}

/** Arms INTx and raises it, so that the next wait or listener must unmask it. */
function useRaisedIntx(scene: Scene): void {
  useIntx(scene).trigger();
  scene.vector.waitSync(0);
}

const unmasking = ['VFIO_DEVICE_SET_IRQS'];

/** Listening makes no system call unless INTx is still masked. If unmasking fails, the next listener tries again. */
function listening(run: Quiet): (Quiet | Scenario)[] {
  return [run, { on: 'of INTx', prepare: useRaisedIntx, run, tolerates: unmasking }];
}

/** If the kernel does not disarm the interrupts, or INTx cannot be masked, the next arming makes up for it. */
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
      tolerates: ['read'], // the next turn of the event loop reads it
    },
    ({ vector }) => vector.once({ timeout: 0 }).catch(ignore),
    {
      on: 'and its time-out, which reads the state of the device',
      run: ({ vector }) => vector.once({ timeout: 1 }).catch(ignore),
      tolerates: ['pread'],
    },
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
