// SPDX-License-Identifier: MIT
// Nothing stays behind: what runs or lies around is undone however this process ends. (Only SIGKILL
// cannot be caught; QEMU is bound to this process by other means, see vm/qemu.ts.)

const pending = new Set<() => void>();
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

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
  for (const signal of Object.keys(SIGNALS)) process.on(signal, endBySignal);
}

function stopListening(): void {
  process.off('exit', undoAll);
  for (const signal of Object.keys(SIGNALS)) process.off(signal, endBySignal);
}

function endBySignal(signal: keyof typeof SIGNALS): void {
  process.exit(128 + SIGNALS[signal]);
}

function undoAll(): void {
  for (const undo of pending) undo();
}
