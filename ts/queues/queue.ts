import { inspect } from 'node:util';
import { expected } from '../internal/describe.js';
import { QueueEmptyError, QueueFullError, QueueShutDownError, StateError, TimeoutError } from '../internal/errors.js';
import { native } from '../internal/native.js';
import { type Checks, integerFrom, isObject, ofType, readOptions } from '../internal/options/checks.js';
import type { WaitOptions } from '../pool/options.js';
import { createObject, ObjectKind, Opened, SharedObject } from '../shared/objects.js';
import { waitOptions } from '../sync/options.js';
import { Ended, RingSide, Shut } from './ring.js';

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
 * later changes of a value are not seen.
 *
 * Python: `multiprocessing.Queue`.
 * @example
 * const queue = new Queue<string>({ maxSize: 100 });
 * pool.apply(async (queue) => { for await (const url of queue) await fetch(url); }, [queue]);
 * await queue.put('https://example.com');
 * queue.shutdown();
 */
export class Queue<T = unknown> extends SharedObject implements AsyncIterable<T> {
  /** @internal */
  protected readonly ring: RingSide;
  #closed = false;

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
    this.ring = new RingSide(block, kind === QueueKind.joinable ? native.cell(block) : 0);
  }

  /**
   * Puts a value, waiting for room.
   * @throws QueueFullError when the time is up
   * @throws QueueShutDownError if the queue was shut down
   * @throws SerializationError if the value cannot be sent
   * @throws StateError if this thread closed the queue
   */
  async put(value: T, options?: WaitOptions): Promise<void> {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    const put = this.ring.tryPut([value], 0) ?? (await this.ring.put([value], 0, limits));
    if (put !== 1) throw notPut(put);
  }

  /** As {@link put}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  putSync(value: T, options?: WaitOptions): void {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    const put = this.ring.putSync([value], 0, limits);
    if (put !== 1) throw notPut(put);
  }

  /** As {@link put}, at once. Python: `put_nowait`. @throws QueueFullError if there is no room */
  putNowait(value: T): void {
    this.#check();
    const put = this.ring.tryPut([value], 0) ?? Ended.timedOut;
    if (put !== 1) throw notPut(put);
  }

  /**
   * Puts many values with fewer steps than one by one, waiting for room. They are serialised as there is room for them.
   * @throws as {@link put} does; then those before were put, and `error.count` says how many
   */
  async putMany(values: Iterable<T>, options?: WaitOptions): Promise<void> {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    const list = Array.isArray(values) ? (values as T[]) : [...values];
    const end = endOf(limits);
    for (let done = 0; done < list.length; ) {
      const put = this.ring.tryPut(list, done) ?? (await this.ring.put(list, done, rest(limits, end)));
      if (typeof put !== 'number') throw Object.assign(notPut(put), { count: done });
      done += put;
    }
  }

  /** As {@link putMany}, blocking the calling thread. */
  putManySync(values: Iterable<T>, options?: WaitOptions): void {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    const list = Array.isArray(values) ? (values as T[]) : [...values];
    const end = endOf(limits);
    for (let done = 0; done < list.length; ) {
      const put = this.ring.putSync(list, done, rest(limits, end));
      if (typeof put !== 'number') throw Object.assign(notPut(put), { count: done });
      done += put;
    }
  }

  /**
   * Takes the first value, waiting for one.
   * @throws QueueEmptyError when the time is up
   * @throws QueueShutDownError if the queue was shut down and has no value left
   * @throws StateError if this thread closed the queue
   */
  async get(options?: WaitOptions): Promise<T> {
    return (await this.#take(1, options))[0];
  }

  /** As {@link get}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  getSync(options?: WaitOptions): T {
    return this.getManySync(1, options)[0];
  }

  /** As {@link get}, at once. Python: `get_nowait`. @throws QueueEmptyError if there is no value */
  getNowait(): T {
    this.#check();
    return got<T>(this.ring.tryGet(1, false) ?? Ended.timedOut)[0];
  }

  /**
   * Takes up to `max` values, those that are there: at least one, waiting for it. Many values cost fewer steps than one
   * by one.
   * @throws as {@link get} does
   */
  async getMany(max: number, options?: WaitOptions): Promise<T[]> {
    return this.#take(most(max, 'max') as number, options);
  }

  /** As {@link getMany}, blocking the calling thread. */
  getManySync(max: number, options?: WaitOptions): T[] {
    most(max, 'max');
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    return got(this.ring.getSync(max, limits));
  }

  async #take(max: number, options: WaitOptions | undefined): Promise<T[]> {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    return got(await this.ring.get(max, limits));
  }

  /** Takes values until the queue is shut down. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      this.#check();
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
    this.#check();
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
  shutdown(options?: { immediate?: boolean }): void {
    if (options !== undefined && !isObject(options)) throw new TypeError(expected('options', 'an object', options));
    const { immediate = false } = readOptions<{ immediate?: boolean }>(options ?? {}, shutdownChecks);
    this.ring.shut(immediate ? Shut.closed | Shut.dropped : Shut.closed);
  }

  /** This thread will not use the queue any more. What it put stays for the others. More than once is fine. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Resolves at once: what was put is in shared memory already, and no thread has to be waited for.
   * @throws StateError if the queue is not closed, as in Python
   */
  async joinThread(): Promise<void> {
    if (!this.#closed) throw new StateError('The queue is not closed: call `close()` first');
  }

  /** Does nothing: nothing of this thread is ever lost at its end, or waited for. */
  cancelJoinThread(): void {}

  #check(): void {
    if (this.#closed) throw new StateError('The queue is closed');
  }

  [inspect.custom](): string {
    return `${this.constructor.name} {${this.#closed ? 'closed' : this.qsize()}}`;
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
   * A value that this thread took has been dealt with. Python: `task_done()`.
   * @throws StateError if it was called more often than values were taken
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
    const limits = waitOptions(options);
    limits.signal?.throwIfAborted();
    if (!(await this.ring.join(limits))) throw notDone();
  }

  /** As {@link join}, blocking the calling thread. */
  joinSync(options?: WaitOptions): void {
    const limits = waitOptions(options);
    limits.signal?.throwIfAborted();
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

export function notPut(why: number | Ended): Error {
  if (why === Ended.timedOut) return new QueueFullError('The queue has no room');
  return new QueueShutDownError('The queue was shut down');
}

const notDone = (): TimeoutError => new TimeoutError('Not everything was done in time');

export function got<T>(taken: unknown[] | Ended): T[] {
  if (typeof taken === 'object') return taken as T[];
  if (taken === Ended.timedOut) throw new QueueEmptyError('The queue has no value');
  throw new QueueShutDownError('The queue was shut down');
}

const endOf = ({ timeout }: WaitOptions): number =>
  timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;

/** What is left of a wait of several steps. */
function rest(limits: WaitOptions, end: number): WaitOptions {
  return end === Number.POSITIVE_INFINITY ? limits : { ...limits, timeout: Math.max(0, end - performance.now()) };
}
