import { threadId } from 'node:worker_threads';
import { InterruptedError } from './errors.js';
import { keep, kept } from './isolate.js';
import { native, nativePath } from './native.js';
import { outliveRejections } from './outlive.js';
import { workerSide } from './runtime.js';

/** What Ctrl+C ends. */
export interface Interruptible {
  /** How many wait for something: while nobody does, Ctrl+C ends the process, as without manycore. */
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

const shared: Shared =
  kept<Shared>('interrupts') ??
  keep<Shared>('interrupts', { pools: new Set(), listeners: new Set(), seen: new Map(), interrupted: false });

const own = new Set<Interruptible>();

/** Has Ctrl+C end the pool's pending calls, unless the program handles SIGINT itself. */
export function watchInterrupts(pool: Interruptible): void {
  // After the first Ctrl+C there is only the second, which ends the process.
  if (threadId !== 0 || workerSide() !== undefined || shared.interrupted) return;
  const first = own.size === 0;
  const nobodyWatched = shared.pools.size === 0;
  // In front, so that a handler of the program's that removes itself (`once`) is still seen.
  if (first) {
    shared.listeners.add(onInterrupt);
    process.prependListener('SIGINT', onInterrupt);
    process.on('newListener', onNewListener);
    process.on('removeListener', onRemovedListener);
  }
  // Pools that run in the calling thread alone do not load the addon.
  const counted = native === undefined ? 0 : native.countInterrupts();
  if (first) guard();
  if (nobodyWatched || !shared.seen.has(nativePath)) shared.seen.set(nativePath, counted);
  own.add(pool);
  shared.pools.add(pool);
}

/** The pool has ended. */
export function unwatchInterrupts(pool: Interruptible): void {
  shared.pools.delete(pool);
  if (!own.delete(pool) || own.size > 0 || shared.interrupted) return;
  stopListening();
}

/**
 * A call that blocks the thread looks whether Ctrl+C was pressed: `counted` times so far. If it was, and the program
 * does not handle SIGINT itself, all pending calls end, and InterruptedError is thrown.
 */
export function checkInterrupts(counted: number): void {
  if (counted === shared.seen.get(nativePath)) return;
  shared.seen.set(nativePath, counted);
  if (!isForManycore()) return;
  heard = true;
  interrupt();
  throw interruptedError();
}

/** A call that blocked has dealt with the Ctrl+C of which the event loop is still to tell. */
let heard = false;

/** The event loop has turned since Ctrl+C was pressed. */
function onInterrupt(): void {
  // Another copy has dealt with it.
  if (!process.listeners('SIGINT').includes(onInterrupt)) return;
  const alreadyHeard = heard;
  heard = false;
  if (native !== undefined) shared.seen.set(nativePath, native.countInterrupts());
  if (alreadyHeard || !isForManycore()) return;
  const awaited = [...shared.pools].some((pool) => pool.running && pool.pending > 0);
  if (awaited && !shared.interrupted) {
    interrupt();
  } else {
    stopListening();
    process.kill(process.pid, 'SIGINT');
  }
}

/**
 * Whether nobody but manycore listens; `coming` others are about to. With a handler of the program's own, what happens is
 * its decision.
 */
function isForManycore(coming = 0): boolean {
  const listeners = process.listeners('SIGINT');
  const others = listeners.filter((listener) => !shared.listeners.has(listener as () => void)).length + coming;
  return listeners.length + coming > others && others <= modest();
}

/** What `signal-exit` leaves at the process, and where. Both of its majors may be there. */
type SignalExit = { readonly count?: unknown } | undefined;
const signalExit = Symbol.for('signal-exit emitter');

/**
 * How many listeners do nothing as long as there are others: those of `signal-exit`, which countless command line tools
 * use. If manycore left it to them, nobody would do anything.
 */
function modest(): number {
  const emitters: SignalExit[] = [
    (globalThis as { [signalExit]?: SignalExit })[signalExit],
    (process as { __signal_exit_emitter__?: SignalExit }).__signal_exit_emitter__,
  ];
  let count = 0;
  for (const emitter of emitters) if (typeof emitter?.count === 'number') count += emitter.count;
  return count;
}

function interrupt(): void {
  shared.interrupted = true;
  // Other copies are not told, and have nothing to do with the second.
  for (const listener of shared.listeners) if (listener !== onInterrupt) process.off('SIGINT', listener);
  guard();
  process.exitCode = 130;
  outliveRejections(130);
  for (const pool of [...shared.pools]) if (pool.running) pool.refuseAll(interruptedError);
}

function stopListening(): void {
  shared.listeners.delete(onInterrupt);
  process.off('newListener', onNewListener);
  process.off('removeListener', onRemovedListener);
  process.off('SIGINT', onInterrupt);
  native?.endAtInterrupt(0);
}

/**
 * Has the second Ctrl+C end the process even where no JavaScript runs that would see the first one: this thread may compute
 * or block, and without manycore the first one would have ended it. After the first, the next one does.
 */
function guard(coming = 0): void {
  native?.endAtInterrupt(!isForManycore(coming) ? 0 : shared.interrupted ? 1 : 2);
}

function onNewListener(event: string | symbol, listener: unknown): void {
  if (event === 'SIGINT' && !shared.listeners.has(listener as () => void)) guard(1);
}

function onRemovedListener(event: string | symbol): void {
  if (event === 'SIGINT') guard();
}

const interruptedError = (): Error => new InterruptedError('Interrupted by Ctrl+C');
