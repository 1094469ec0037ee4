import { isMainThread } from 'node:worker_threads';
import { InterruptedError } from './errors.js';
import { native, nativePath } from './native.js';

/** What Ctrl+C ends. */
export interface Interruptible {
  readonly pending: number;
  readonly running: boolean;
  refuseAll(error: () => Error): void;
}

/** What all copies of the package in this isolate share. */
interface Shared {
  /** Pools that have not ended. */
  readonly pools: Set<Interruptible>;
  /** The listeners that are manycore's own: one per copy that has pools. */
  readonly listeners: Set<() => void>;
  /** How many of the Ctrl+Cs that an addon has counted are dealt with, by the addon's path. */
  readonly seen: Map<string, number>;
  /** The first Ctrl+C has come. */
  interrupted: boolean;
}

const key = Symbol.for('manycore.interrupts');
const scope = globalThis as { [key: symbol]: Shared | undefined };
scope[key] ??= { pools: new Set(), listeners: new Set(), seen: new Map(), interrupted: false };
const shared: Shared = scope[key];

const own = new Set<Interruptible>();

/** Has Ctrl+C end the pool's pending calls, unless the program handles SIGINT itself. */
export function watchInterrupts(pool: Interruptible): void {
  // After the first Ctrl+C the second is left to the system, which kills.
  if (!isMainThread || shared.interrupted) return;
  const first = own.size === 0;
  const nobodyWatched = shared.pools.size === 0;
  // In front, so that a handler of the program's that removes itself (`once`) is still seen.
  if (first) {
    shared.listeners.add(onInterrupt);
    process.prependListener('SIGINT', onInterrupt);
  }
  // Pools that run in the calling thread alone do not load the addon.
  const counted = native === undefined ? 0 : native.countInterrupts();
  if (nobodyWatched || !shared.seen.has(nativePath)) shared.seen.set(nativePath, counted);
  own.add(pool);
  shared.pools.add(pool);
}

/** The pool has ended. */
export function unwatchInterrupts(pool: Interruptible): void {
  shared.pools.delete(pool);
  if (!own.delete(pool) || own.size > 0) return;
  shared.listeners.delete(onInterrupt);
  process.off('SIGINT', onInterrupt);
}

/**
 * A call that blocks the thread looks whether Ctrl+C was pressed: `counted` times so far. If it was, and the program
 * does not handle SIGINT itself, all pending calls end, and InterruptedError is thrown.
 */
export function checkInterrupts(counted: number): void {
  if (counted === shared.seen.get(nativePath)) return;
  shared.seen.set(nativePath, counted);
  if (!isForManycore()) return;
  interrupt();
  throw interruptedError();
}

/** The event loop has turned since Ctrl+C was pressed. */
function onInterrupt(): void {
  if (native !== undefined) shared.seen.set(nativePath, native.countInterrupts());
  if (!isForManycore()) return;
  if ([...shared.pools].some((pool) => pool.running && pool.pending > 0)) {
    interrupt();
  } else {
    stopListening();
    process.kill(process.pid, 'SIGINT');
  }
}

/** Whether nobody but manycore listens. With a handler of the program's own, what happens is its decision. */
function isForManycore(): boolean {
  const listeners = process.listeners('SIGINT');
  return listeners.length > 0 && listeners.every((listener) => shared.listeners.has(listener as () => void));
}

function interrupt(): void {
  // From here on Ctrl+C kills, even where no JavaScript runs; and the event loop is not told of the one that came.
  stopListening();
  shared.interrupted = true;
  process.exitCode = 130;
  for (const pool of [...shared.pools]) if (pool.running) pool.refuseAll(interruptedError);
}

function stopListening(): void {
  for (const listener of shared.listeners) process.off('SIGINT', listener);
}

const interruptedError = (): Error => new InterruptedError('Interrupted by Ctrl+C');
