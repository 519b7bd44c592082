// SPDX-License-Identifier: MIT
// Warns of forgotten objects. They stay open until the environment ends: garbage collection never closes or unmaps.
// The reason is in https://github.com/nodejs/node/pull/58536.
import type { EventEmitter } from 'node:events';

/** A thread that ends within this time gives everything back anyway: nothing was forgotten. */
const DELAY_MS = 100;

const registry = new FinalizationRegistry<string>((name) => {
  setTimeout(() => warnOf(name), DELAY_MS).unref();
});

/** From a part to its owner. An entry keeps the owner alive exactly as long as the part is. */
const owners = new WeakMap<object, object>();

/** What an emitter tells about its own listeners. */
const OWN_EVENTS: readonly (string | symbol)[] = ['newListener', 'removeListener'];

/** Those that are open. */
const watched = new WeakSet<object>();

/** Those that are open and that the program listens to. */
const heard = new Set<object>();

/** From now on a warning names this object if it is collected. */
export function watchForLeak(object: object, name: string): void {
  watched.add(object);
  registry.register(object, name, object);
}

/** It was closed. */
export function stopWatching(object: object): void {
  watched.delete(object);
  heard.delete(object);
  registry.unregister(object);
}

/**
 * While the program listens to an open object, the object is in use and no warning names it. A function that awaits an
 * event may hold the only reference to the object, and the object's listeners the only one to that function.
 */
export function keepWhileHeard(emitter: EventEmitter): void {
  const isHeard = () => emitter.eventNames().some((name) => !OWN_EVENTS.includes(name));
  const added = (name: string | symbol) => {
    if (watched.has(emitter) && !OWN_EVENTS.includes(name)) heard.add(emitter);
  };
  const removed = (name: string | symbol, listener: unknown) => {
    if (!isHeard()) heard.delete(emitter);
    // By removeAllListeners(), perhaps with the other one.
    if (name === 'newListener' && listener === added) queueMicrotask(listen);
  };
  const listen = () => {
    if (!emitter.listeners('removeListener').includes(removed))
      emitter.on('removeListener', removed);
    if (!emitter.listeners('newListener').includes(added)) emitter.on('newListener', added);
    if (watched.has(emitter) && isHeard()) heard.add(emitter);
  };
  listen();
}

/** While the program has the part, its owner is in use too, and no warning names it. */
export function keepOwner(part: object, owner: object): void {
  owners.set(part, owner);
}

/** The part was closed: having it is no use of its owner any more. */
export function dropOwner(part: object): void {
  owners.delete(part);
}

function warnOf(name: string): void {
  process.emitWarning(`${name} was garbage collected without close()`, {
    type: 'VfioWarning',
    code: 'VFIO_LEAK',
    detail: 'It stays open and mapped until this thread ends: close it, or use `await using`.',
  });
}
