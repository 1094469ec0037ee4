import { isMainThread } from 'node:worker_threads';
import { InterruptedError } from '../internal/errors.js';

/** What Ctrl+C ends. */
export interface Interruptible {
  readonly pending: number;
  readonly running: boolean;
  refuseAll(error: () => Error): void;
}

const watched = new Set<Interruptible>();
let interrupted = false;

/** Has Ctrl+C end the pool's pending calls, unless the program handles SIGINT itself. */
export function watchInterrupts(pool: Interruptible): void {
  if (!isMainThread) return;
  // First, so that a handler of the program's that removes itself (`once`) is still seen.
  if (watched.size === 0) process.prependListener('SIGINT', onInterrupt);
  watched.add(pool);
}

/** The pool has ended. */
export function unwatchInterrupts(pool: Interruptible): void {
  if (watched.delete(pool) && watched.size === 0) process.off('SIGINT', onInterrupt);
}

function onInterrupt(): void {
  // With a handler of the program's own, what happens is its decision.
  if (process.listenerCount('SIGINT') > 1) return;
  const busy = [...watched].filter((pool) => pool.running && pool.pending > 0);
  if (interrupted || busy.length === 0) {
    process.off('SIGINT', onInterrupt);
    process.kill(process.pid, 'SIGINT');
    return;
  }
  interrupted = true;
  process.exitCode = 130;
  for (const pool of busy) pool.refuseAll(() => new InterruptedError('Interrupted by Ctrl+C'));
}
