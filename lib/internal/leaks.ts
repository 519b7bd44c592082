// SPDX-License-Identifier: MIT
// A forgotten object stays open until the environment ends: garbage collection never closes or
// unmaps, it only tells. https://github.com/nodejs/node/pull/58536 has the why.

const registry = new FinalizationRegistry<string>((name) => {
  process.emitWarning(`${name} was garbage collected without close()`, {
    type: 'VfioWarning',
    code: 'VFIO_LEAK',
    detail: 'It stays open and mapped until this thread ends: close it, or use `await using`.',
  });
});

/** From now on a warning names this object if it is collected. */
export function watchForLeak(object: object, name: string): void {
  registry.register(object, name, object);
}

/** It was closed. */
export function stopWatching(object: object): void {
  registry.unregister(object);
}
