import { inspect } from 'node:util';
import { expected } from '../internal/describe.js';
import {
  ManycoreError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  StateError,
  TimeoutError,
} from '../internal/errors.js';
import { native } from '../internal/native.js';
import { type Checks, integerFrom, isObject, ofType, optionsOf, readOptions } from '../internal/options/checks.js';
import type { WaitOptions } from '../pool/options.js';
import { createObject, ObjectKind, Opened, SharedObject } from '../shared/objects.js';
import { startWait } from '../sync/options.js';
import { Ended, RingSide, Shut } from './ring.js';
import { Parcel } from './wire.js';

/** Bytes of a ring's object. The same number is in `crates/core/src/ring/state.rs`. */
export const RING_BYTES = 624;

/** Which class a ring belongs to: its third constant. */
export const QueueKind = { plain: 0, joinable: 1, simple: 2, pipe: 3 } as const;
export type QueueKind = (typeof QueueKind)[keyof typeof QueueKind];

/** Options of a {@link Queue}. */
export interface QueueOptions {
  /** How many values it has room for: an integer from 0 up; 0 is any number. @default 0 */
  maxSize?: number;
}

const queueChecks: Checks = { maxSize: integerFrom(0) };
const shutdownChecks: Checks = { immediate: ofType('boolean') };
const most = integerFrom(1);
/** A limit that needs no limit. */
const MAX_SIZE = 2 ** 32 - 1;

/**
 * Values on their way from any threads to any threads, first in, first out. Each is delivered to one taker; the order of
 * each producer's values is kept. `put` serialises at once, so that a value that cannot be sent rejects that `put`, and
 * later changes of a value are not seen. What is put stays, whatever becomes of the thread that put it; what a thread has
 * taken and not dealt with is lost if that thread dies.
 *
 * A wait can be ended by `timeout` or `signal`; Ctrl+C rejects it with InterruptedError. The `*Sync` methods block the
 * calling thread; where no other thread has the queue, and no `timeout` is given, they throw {@link DeadlockError} in place
 * of waiting for ever.
 *
 * Python: `multiprocessing.Queue`.
 * @example
 * const queue = new Queue<string>({ maxSize: 100 });
 * pool.apply(async (queue) => { for await (const url of queue) await fetch(url); }, [queue]);
 * await queue.put('https://example.com');
 * queue.shutdown();
 */
export class Queue<T = unknown> extends SharedObject implements AsyncIterable<T> {
  readonly #ring: RingSide;

  /**
   * @param maxSize how many values it has room for, or options. @default any number
   * @throws TypeError, RangeError if that is not an integer from 0 up
   */
  constructor(maxSize?: number | QueueOptions);
  /** @internal */
  constructor(from: number | QueueOptions | Opened | undefined, kind?: QueueKind);
  constructor(from?: number | QueueOptions | Opened, kind: QueueKind = QueueKind.plain) {
    super(from instanceof Opened ? from.block : makeRing(from, kind));
    const block = this.objectBlock;
    this.#ring = new RingSide(this, block, kind === QueueKind.joinable ? cellOf(block) : 0);
  }

  /** @internal */
  protected get ring(): RingSide {
    return this.#ring;
  }

  /**
   * Puts a value, waiting for room. Python: `put(obj, block=True, timeout=None)`.
   * @throws QueueFullError when the time is up
   * @throws QueueShutDownError if the queue was shut down
   * @throws SerializationError if the value cannot be sent
   * @throws StateError if this thread closed the queue
   */
  async put(value: T, options?: WaitOptions): Promise<void> {
    const limits = this.ring.start(options);
    const ended = await this.ring.put(new Parcel([value], 'value'), limits);
    if (ended !== undefined) throw notPut(ended);
  }

  /** As {@link put}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  putSync(value: T, options?: WaitOptions): void {
    const limits = this.ring.start(options);
    const ended = this.ring.putSync(new Parcel([value], 'value'), limits);
    if (ended !== undefined) throw notPut(ended);
  }

  /** As {@link put}, at once. Python: `put_nowait`. @throws QueueFullError if there is no room */
  putNowait(value: T): void {
    this.ring.check();
    const ended = this.ring.putNow(new Parcel([value], 'value'));
    if (ended !== undefined) throw notPut(ended);
  }

  /**
   * Puts many values with fewer steps than one by one, waiting for room. They come one behind the other, with none of this
   * thread's between them; others may be from other threads. Serialised at once, as in {@link put}.
   * @throws as {@link put} does; then those before were put, and `error.count` says how many
   */
  async putMany(values: Iterable<T>, options?: WaitOptions): Promise<void> {
    const limits = this.ring.start(options);
    const parcel = new Parcel(listOf(values), 'values');
    try {
      const ended = await this.ring.put(parcel, limits);
      if (ended !== undefined) throw notPut(ended);
    } catch (error) {
      throw counted(error, parcel);
    }
  }

  /** As {@link putMany}, blocking the calling thread. */
  putManySync(values: Iterable<T>, options?: WaitOptions): void {
    const limits = this.ring.start(options);
    const parcel = new Parcel(listOf(values), 'values');
    try {
      const ended = this.ring.putSync(parcel, limits);
      if (ended !== undefined) throw notPut(ended);
    } catch (error) {
      throw counted(error, parcel);
    }
  }

  /**
   * Takes the first value, waiting for one. Python: `get(block=True, timeout=None)`.
   * @throws QueueEmptyError when the time is up
   * @throws QueueShutDownError if the queue was shut down and has no value left
   * @throws StateError if this thread closed the queue
   */
  async get(options?: WaitOptions): Promise<T> {
    return got<T>(await this.ring.get(1, this.ring.start(options)))[0];
  }

  /** As {@link get}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  getSync(options?: WaitOptions): T {
    return got<T>(this.ring.getSync(1, this.ring.start(options)))[0];
  }

  /** As {@link get}, at once. Python: `get_nowait`. @throws QueueEmptyError if there is no value */
  getNowait(): T {
    this.ring.check();
    return got<T>(this.ring.getNow(1) ?? Ended.timedOut)[0];
  }

  /**
   * Takes up to `max` values, those that are there: at least one, waiting for it. Many values cost fewer steps than one
   * by one. There may be fewer than are there: some 60 KiB of small values are taken at a time.
   * @throws as {@link get} does
   */
  async getMany(max: number, options?: WaitOptions): Promise<T[]> {
    most(max, 'max');
    return got(await this.ring.get(max, this.ring.start(options)));
  }

  /** As {@link getMany}, blocking the calling thread. */
  getManySync(max: number, options?: WaitOptions): T[] {
    most(max, 'max');
    return got(this.ring.getSync(max, this.ring.start(options)));
  }

  /** Takes values, one whenever the next is asked for, until the queue is shut down: leaving a loop early loses none. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      this.ring.check();
      const taken = await this.ring.get(1, {});
      if (taken === Ended.shut) return;
      yield got<T>(taken)[0];
    }
  }

  /** How many values there are; others may change that at any time. */
  qsize(): number {
    return this.ring.state.length;
  }

  /**
   * Whether there is no value now.
   * @throws StateError if this thread closed the queue
   */
  empty(): boolean {
    this.ring.check();
    return this.ring.state.length === 0;
  }

  /** Whether there is no room now. */
  full(): boolean {
    return this.ring.state.full;
  }

  /**
   * Ends the queue for everybody: nothing more is put; what is there can still be taken, or with `immediate` is dropped.
   * Everybody who waits is told.
   *
   * Python: `queue.Queue.shutdown(immediate=False)`.
   */
  shutdown(options: { immediate?: boolean } = {}): void {
    const { immediate = false } = optionsOf<{ immediate?: boolean }>(options, shutdownChecks);
    this.ring.shut(immediate ? Shut.closed | Shut.dropped : Shut.closed);
  }

  /**
   * This thread will not put or get any more, and what waits for that here is rejected with StateError. What it put stays
   * for the others. More than once is fine.
   */
  close(): void {
    this.ring.close(queueClosed);
  }

  /**
   * Resolves at once: what was put is in shared memory already, and no thread has to be waited for.
   * @throws StateError if the queue is not closed, as in Python
   */
  async joinThread(): Promise<void> {
    if (!this.ring.closed) throw new StateError('The queue is not closed: call `close()` first');
  }

  /** Does nothing: nothing of this thread is ever lost at its end, or waited for. */
  cancelJoinThread(): void {}

  [inspect.custom](): string {
    return `${this.constructor.name} {${this.ring.closed ? 'closed' : this.qsize()}}`;
  }
}

/**
 * A {@link Queue} that knows when everything that was put has been dealt with: a taker calls `taskDone` for each value.
 *
 * Python: `multiprocessing.JoinableQueue`.
 * @example
 * await queue.putMany(urls);
 * await queue.join(); // the workers have called taskDone() for each of them
 */
export class JoinableQueue<T = unknown> extends Queue<T> {
  /** @param maxSize how many values it has room for, or options. @default any number */
  constructor(maxSize?: number | QueueOptions);
  /** @internal */
  constructor(from: Opened);
  constructor(from?: number | QueueOptions | Opened) {
    super(from, QueueKind.joinable);
  }

  /**
   * A value that this thread took has been dealt with: call it in the thread that took the value, once for each.
   * Another thread may call it, too; but should the taker die then, one value too many counts as done.
   * Python: `task_done()`.
   * @throws StateError if everything that was put is done already
   */
  taskDone(): void {
    if (!native.ringTaskDone(this.objectBlock, this.ring.cell)) {
      throw new StateError('taskDone() was called more often than values were put');
    }
  }

  /**
   * Waits until everything that was put has been dealt with, or was lost with a thread that died.
   * @throws TimeoutError when the time is up
   */
  async join(options?: WaitOptions): Promise<void> {
    const limits = startWait(options);
    if (!(await this.ring.join(limits))) throw notDone();
  }

  /** As {@link join}, blocking the calling thread. */
  joinSync(options?: WaitOptions): void {
    const limits = startWait(options);
    if (!this.ring.joinSync(limits)) throw notDone();
  }

  /** How many values were lost: their takers died before they called `taskDone`. */
  get lost(): number {
    return this.ring.state.lost;
  }
}

export function makeRing(given: number | QueueOptions | undefined, kind: QueueKind): number {
  const options = typeof given === 'object' ? given : { maxSize: given };
  if (given !== undefined && typeof given !== 'number' && !isObject(given)) {
    throw new TypeError(expected('maxSize', 'an integer from 0 up, or an object with options', given));
  }
  const { maxSize = 0 } = readOptions<QueueOptions>(options, queueChecks);
  return createObject(ObjectKind.queue, [maxSize > MAX_SIZE ? 0 : maxSize, 0, kind], RING_BYTES);
}

export function notPut(why: Ended): Error {
  if (why === Ended.timedOut) return new QueueFullError('The queue has no room');
  return new QueueShutDownError('The queue was shut down');
}

const notDone = (): TimeoutError => new TimeoutError('Not everything was done in time');

export function got<T>(taken: unknown[] | Ended): T[] {
  if (typeof taken === 'object') return taken as T[];
  if (taken === Ended.timedOut) throw new QueueEmptyError('The queue has no value');
  throw new QueueShutDownError('The queue was shut down');
}

export const queueClosed = (): StateError => new StateError('The queue is closed');

function cellOf(block: number): number {
  const cell = native.cell(block);
  if (cell === 0) throw new RangeError('The shared memory has no room for what this thread takes from a queue');
  return cell;
}

function listOf<T>(values: Iterable<T>): readonly T[] {
  if (typeof (values as Iterable<T> | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(expected('values', 'an iterable', values));
  }
  return Array.isArray(values) ? values : [...values];
}

/** The error of a `putMany`, which says how many values were put. What a signal was given as its reason stays as it is. */
function counted(error: unknown, parcel: Parcel): unknown {
  return error instanceof ManycoreError ? Object.assign(error, { count: parcel.count }) : error;
}
