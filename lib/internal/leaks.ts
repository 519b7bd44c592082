// SPDX-License-Identifier: MIT
// Warns about objects that a program forgot to close. Garbage collection never closes or unmaps them: they stay open
// until the thread ends. https://github.com/nodejs/node/pull/58536 has the reason.
import type { EventEmitter } from 'node:events';

/** No warning if the thread ends within this time: it then closes everything anyway. */
const DELAY_MS = 100;

const registry = new FinalizationRegistry<string>((name) => {
  setTimeout(() => warnAbout(name), DELAY_MS).unref();
});

/** Maps a part to its owner. An entry keeps the owner alive exactly as long as the part is alive. */
const owners = new WeakMap<object, object>();

/** The events that an emitter sends about its own listeners. */
const OWN_EVENTS: readonly (string | symbol)[] = ['newListener', 'removeListener'];

/** The objects that are open. */
const watched = new WeakSet<object>();

/** The open objects that the program listens to. The set keeps them alive. */
const heard = new Set<object>();

/** From now on, a warning names this object if it is garbage collected. */
export function watchForLeak(object: object, name: string): void {
  watched.add(object);
  registry.register(object, name, object);
}

/** The object was closed: no warning is needed. */
export function stopWatching(object: object): void {
  watched.delete(object);
  heard.delete(object);
  registry.unregister(object);
}

/**
 * While the program listens to an open object, the object is in use, and no warning names it. A function that awaits
 * an event may hold the only reference to the object, while the object's listeners hold the only reference to that
 * function. Without this, garbage collection would take both.
 */
export function keepWhileHeard(emitter: EventEmitter): void {
  const isHeard = () => emitter.eventNames().some((name) => !OWN_EVENTS.includes(name));
  const added = (name: string | symbol) => {
    if (watched.has(emitter) && !OWN_EVENTS.includes(name)) heard.add(emitter);
  };
  const removed = (name: string | symbol, listener: unknown) => {
    if (!isHeard()) heard.delete(emitter);
    // removeAllListeners() removes this listener, and perhaps the other one too. Add them again.
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

/** While the program has a reference to the part, its owner is in use too, and no warning names the owner. */
export function keepOwner(part: object, owner: object): void {
  owners.set(part, owner);
}

/** The part was closed: a reference to it no longer counts as a use of its owner. */
export function dropOwner(part: object): void {
  owners.delete(part);
}

function warnAbout(name: string): void {
  process.emitWarning(`${name} was garbage collected without close()`, {
    type: 'VfioWarning',
    code: 'VFIO_LEAK',
    detail:
      'It stays open and mapped until this thread ends. Close it, or declare it with `await using`.',
  });
}
