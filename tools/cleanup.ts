// SPDX-License-Identifier: MIT
// Undoes what a process has started or created, however the process ends. (Only SIGKILL cannot be caught; QEMU is
// bound to this process by other means, see vm/qemu.ts.)

import { readFileSync } from 'node:fs';

const pending = new Set<() => void>();
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof SIGNALS;

/**
 * Calls `undo` (which must not wait) if this process ends before the returned function is called.
 * Meanwhile Ctrl-C and the like end the process with 128 + the signal's number.
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

/** Those that would end us: one that was ignored from the start (nohup) stays so. */
function handledSignals(): Signal[] {
  const mask = /^SigIgn:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const ignored = (number: number) => (BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n;
  return (Object.keys(SIGNALS) as Signal[]).filter((signal) => !ignored(SIGNALS[signal]));
}

function endBySignal(signal: Signal): void {
  process.exit(128 + SIGNALS[signal]);
}

/** The newest first: a program before the directory it works in. */
function undoAll(): void {
  for (const undo of [...pending].reverse()) undo();
}
