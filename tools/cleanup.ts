// SPDX-License-Identifier: MIT
// Undoes what a process has started or created, however the process ends. SIGKILL is the exception, because no process
// can catch it. vm/qemu.ts ends QEMU in that case too.

import { readFileSync } from 'node:fs';

const pending = new Set<() => void>();
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof SIGNALS;

/**
 * Calls `undo` if this process ends before the returned function is called. `undo` must not wait.
 * Until then, SIGHUP, SIGINT (Ctrl-C) and SIGTERM end the process with status 128 + the signal's number.
 */
export function undoOnExit(undo: () => void): () => void {
  if (pending.size === 0) listen();
  pending.add(undo);
  return () => {
    if (pending.delete(undo) && pending.size === 0) stopListening();
  };
}

function listen(): void {
  process.on('exit', undoAll);
  for (const signal of handledSignals()) process.on(signal, endBySignal);
}

function stopListening(): void {
  process.off('exit', undoAll);
  for (const signal of Object.keys(SIGNALS)) process.off(signal, endBySignal);
}

/** The signals that would end this process. A signal that was ignored from the start (nohup) stays ignored. */
function handledSignals(): Signal[] {
  const mask = /^SigIgn:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const ignored = (number: number) => (BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n;
  return (Object.keys(SIGNALS) as Signal[]).filter((signal) => !ignored(SIGNALS[signal]));
}

function endBySignal(signal: Signal): void {
  process.exit(128 + SIGNALS[signal]);
}

/** The newest first, so that a program ends before its directory is removed. */
function undoAll(): void {
  for (const undo of [...pending].reverse()) undo();
}
