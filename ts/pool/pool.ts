import { EventEmitter } from 'node:events';
import { StateError } from '../internal/errors.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { staysHere } from '../internal/handles.js';
import { mustNotBeLoading } from '../internal/module-guard.js';
import { mustBeAlone, poolOptions, type ResolvedPoolOptions, waitOptions } from '../internal/options.js';
import { AsyncResult, limited } from './async-result.js';
import { Calls } from './calls.js';
import { Core } from './core.js';
import type { Engine } from './engine.js';
import { type PoolEvents, tellListeners } from './events.js';
import { Imap, type ImapIterator } from './imap.js';
import { InlineEngine } from './inline.js';
import { later, promised } from './later.js';
import { withinBudget } from './nested.js';
import type { AsyncTaskOptions, PoolOptions, TaskOptions, WaitOptions } from './options.js';
import type { Source } from './sources.js';
import type { PoolStats, WorkerInfo } from './stats.js';
import type { Arguments, BigIntArray, CallArguments, NumberArray, Outcome, Settled } from './types.js';

/**
 * A pool of workers that run functions in parallel.
 *
 * Workers start at the first call, are replaced when they die, and do not keep Node alive.
 *
 * What is wrong with a call at once, its arguments or a pool that is closed, is thrown by the method. Everything else
 * rejects what the method returned; the `*Sync` methods throw it:
 * - whatever the task threw;
 * - SerializationError for a function, an argument or a result that cannot be sent;
 * - TimeoutError, and the `reason` of an aborted `signal`;
 * - WorkerLostError where the task's worker died;
 * - QueueFullError above `maxPending`;
 * - PoolTerminatedError, BrokenPoolError (too many workers died), InterruptedError (Ctrl+C, which also stops the tasks that run)
 *   and the initializer's error, which end all pending calls.
 *
 * Python: `multiprocessing.Pool`.
 *
 * @example
 * await using pool = new Pool(4);
 * const squares = await pool.map((x: number) => x * x, range(10));
 */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #options: ResolvedPoolOptions;
  readonly #calls: Calls;

  /**
   * @param options - the number of workers (default `cpuCount()`), or all options
   * @throws TypeError, RangeError for bad options; StateError while a task's module is being loaded in a worker
   */
  constructor(options?: number | PoolOptions, ...surplus: never[]) {
    super();
    mustBeAlone(surplus);
    const resolved = poolOptions(options);
    mustNotBeLoading('Pool');
    this.#options = withinBudget(resolved, options);
    const events = tellListeners(this);
    this.#engine =
      this.#options.context === 'inline' ? new InlineEngine(this.#options, events) : new Core(this.#options, events);
    this.#calls = new Calls(this.#engine, this.#options);
  }

  /** Internal: whether a pool takes new calls. */
  static takesWork(pool: Pool): boolean {
    return pool.#engine.refusal() === undefined;
  }

  /** How many workers the pool has at the most. */
  get processes(): number {
    return this.#options.processes;
  }

  /** The workers that are there now. */
  get workers(): readonly WorkerInfo[] {
    return this.#engine.workerInfos;
  }

  /**
   * Starts the workers (`minProcesses` of them, if that is set); resolves when they are ready.
   * @throws StateError after `close` or `terminate`; the initializer's error; BrokenPoolError
   */
  async ready(): Promise<this> {
    this.#calls.mustRun();
    await this.#engine.ready();
    return this;
  }

  // ---------------------------------------------------------------------------------------------- apply

  /**
   * Calls `fn(...args)` in a worker.
   *
   * Python: `Pool.apply`; as every method here that ends in no `Sync`, it does not block.
   *
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   * @example await pool.apply(Math.max, [1, 2, 3])
   */
  apply<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...[args, options]: CallArguments<A, TaskOptions>
  ): Promise<Outcome<R>> {
    return promised(this.#calls.apply(fn, args as readonly unknown[] | undefined, options, 'apply'));
  }

  /**
   * As `apply`; the result can be asked for, cancelled, and given to callbacks. Python: `Pool.apply_async`.
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   */
  applyAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...[args, options]: CallArguments<A, AsyncTaskOptions<Outcome<R>>>
  ): AsyncResult<Outcome<R>> {
    return later(
      this.#calls.apply(fn, args as readonly unknown[] | undefined, options as AsyncTaskOptions, 'applyAsync'),
      options as AsyncTaskOptions,
    );
  }

  /**
   * As `apply`, blocking the calling thread until the result is there.
   *
   * No timer of this thread fires meanwhile, so `AbortSignal.timeout()` and every other signal that this thread would
   * abort cannot end the call: use `timeout`.
   * @throws what `apply` throws, and what it rejects with; in an inline pool DeadlockError for an asynchronous task
   */
  applySync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...[args, options]: CallArguments<A, TaskOptions>
  ): Outcome<R> {
    return this.#calls.block(
      this.#calls.apply(fn, args as readonly unknown[] | undefined, options, 'applySync'),
    ) as Outcome<R>;
  }

  // ------------------------------------------------------------------------------------------------ map

  /**
   * Calls `fn(item)` for every item, in parallel; the results keep the order of the items.
   *
   * All tasks run even if one throws; then the error of the first of them, by index, is thrown (unless `failFast` or
   * `settled`). A typed array gives a typed array of the same kind.
   *
   * Workers run the first items while the last are still encoded. An item that cannot be sent fails the call, even if tasks
   * of items before it have run.
   *
   * Python: `Pool.map`.
   *
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   * @example await pool.map((x: number) => x * x, [1, 2, 3])
   */
  map<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options: Settled<TaskOptions>,
  ): Promise<PromiseSettledResult<Outcome<R>>[]>;
  map<V extends NumberArray>(
    fn: (item: number) => number | Promise<number>,
    items: V,
    options?: TaskOptions | number,
  ): Promise<V>;
  map<V extends BigIntArray>(
    fn: (item: bigint) => bigint | Promise<bigint>,
    items: V,
    options?: TaskOptions | number,
  ): Promise<V>;
  map<T, R>(fn: (item: T) => R, items: Source<T>, options?: TaskOptions | number): Promise<Outcome<R>[]>;
  map(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): Promise<unknown> {
    return promised(this.#calls.map(fn, items, options, false, 'map'));
  }

  /**
   * As `map`; the results can be asked for, cancelled, and given to callbacks. Python: `Pool.map_async`.
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   */
  mapAsync<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options: Settled<AsyncTaskOptions<PromiseSettledResult<Outcome<R>>[]>>,
  ): AsyncResult<PromiseSettledResult<Outcome<R>>[]>;
  mapAsync<V extends NumberArray>(
    fn: (item: number) => number | Promise<number>,
    items: V,
    options?: AsyncTaskOptions<V> | number,
  ): AsyncResult<V>;
  mapAsync<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options?: AsyncTaskOptions<Outcome<R>[]> | number,
  ): AsyncResult<Outcome<R>[]>;
  mapAsync(fn: AnyFunction, items: Source<unknown>, options?: AsyncTaskOptions<never> | number): AsyncResult<unknown> {
    return later(this.#calls.map(fn, items, options, false, 'mapAsync'), options);
  }

  /**
   * As `map`, blocking the calling thread until the results are there. As with `applySync`, no timer of this thread ends
   * it, that of `AbortSignal.timeout()` neither: `timeout` does, task by task.
   * @throws what `map` throws, and what it rejects with; in an inline pool DeadlockError for an asynchronous task
   */
  mapSync<T, R>(
    fn: (item: T) => R,
    items: Iterable<T>,
    options: Settled<TaskOptions>,
  ): PromiseSettledResult<Outcome<R>>[];
  mapSync<V extends NumberArray>(
    fn: (item: number) => number | Promise<number>,
    items: V,
    options?: TaskOptions | number,
  ): V;
  mapSync<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: TaskOptions | number): Outcome<R>[];
  mapSync(fn: AnyFunction, items: Iterable<unknown>, options?: TaskOptions | number): unknown {
    return this.#calls.block(this.#calls.map(fn, items, options, false, 'mapSync'));
  }

  /**
   * As `map`, with the elements of each item as arguments.
   *
   * Python: `Pool.starmap`.
   *
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   * @example await pool.starmap(Math.pow, [[2, 3], [3, 2]])
   */
  starmap<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options: Settled<TaskOptions>,
  ): Promise<PromiseSettledResult<Outcome<R>>[]>;
  starmap<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options?: TaskOptions | number,
  ): Promise<Outcome<R>[]>;
  starmap(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): Promise<unknown> {
    return promised(this.#calls.map(fn, items, options, true, 'starmap'));
  }

  /**
   * As `starmap`; the results can be asked for, cancelled, and given to callbacks. Python: `Pool.starmap_async`.
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   */
  starmapAsync<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options: Settled<AsyncTaskOptions<PromiseSettledResult<Outcome<R>>[]>>,
  ): AsyncResult<PromiseSettledResult<Outcome<R>>[]>;
  starmapAsync<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options?: AsyncTaskOptions<Outcome<R>[]> | number,
  ): AsyncResult<Outcome<R>[]>;
  starmapAsync(
    fn: AnyFunction,
    items: Source<unknown>,
    options?: AsyncTaskOptions<never> | number,
  ): AsyncResult<unknown> {
    return later(this.#calls.map(fn, items, options, true, 'starmapAsync'), options);
  }

  /**
   * As `starmap`, blocking the calling thread until the results are there. As with `applySync`, no timer of this thread
   * ends it, that of `AbortSignal.timeout()` neither: `timeout` does, task by task.
   * @throws what `starmap` throws, and what it rejects with; in an inline pool DeadlockError for an asynchronous task
   */
  starmapSync<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Iterable<Readonly<A>>,
    options: Settled<TaskOptions>,
  ): PromiseSettledResult<Outcome<R>>[];
  starmapSync<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Iterable<Readonly<A>>,
    options?: TaskOptions | number,
  ): Outcome<R>[];
  starmapSync(fn: AnyFunction, items: Iterable<unknown>, options?: TaskOptions | number): unknown {
    return this.#calls.block(this.#calls.map(fn, items, options, true, 'starmapSync'));
  }

  // ----------------------------------------------------------------------------------------------- imap

  /**
   * As `map`, result by result: an async iterator that reads at most `bufferSize` items ahead, so that an endless source
   * needs no more memory than a short one. It starts at the call.
   *
   * Python: `Pool.imap`.
   *
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   * @example for await (const size of pool.imap(sizeOf, paths())) total += size;
   */
  imap<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options: Settled<TaskOptions>,
  ): ImapIterator<PromiseSettledResult<Outcome<R>>>;
  imap<T, R>(fn: (item: T) => R, items: Source<T>, options?: TaskOptions | number): ImapIterator<Outcome<R>>;
  imap(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): ImapIterator<unknown> {
    return this.#calls.imap(fn, items, options, false, true, 'imap');
  }

  /**
   * As `imap`, with the results in the order in which they come. Python: `Pool.imap_unordered`.
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   */
  imapUnordered<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options: Settled<TaskOptions>,
  ): ImapIterator<PromiseSettledResult<Outcome<R>>>;
  imapUnordered<T, R>(fn: (item: T) => R, items: Source<T>, options?: TaskOptions | number): ImapIterator<Outcome<R>>;
  imapUnordered(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): ImapIterator<unknown> {
    return this.#calls.imap(fn, items, options, false, false, 'imapUnordered');
  }

  /**
   * As `imap`, with the elements of each item as arguments. Python has no counterpart.
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   */
  istarmap<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options: Settled<TaskOptions>,
  ): ImapIterator<PromiseSettledResult<Outcome<R>>>;
  istarmap<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options?: TaskOptions | number,
  ): ImapIterator<Outcome<R>>;
  istarmap(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): ImapIterator<unknown> {
    return this.#calls.imap(fn, items, options, true, true, 'istarmap');
  }

  /**
   * As `istarmap`, with the results in the order in which they come. Python has no counterpart.
   * @throws TypeError, RangeError for bad arguments; StateError after `close` or `terminate`
   */
  istarmapUnordered<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options: Settled<TaskOptions>,
  ): ImapIterator<PromiseSettledResult<Outcome<R>>>;
  istarmapUnordered<A extends Arguments, R>(
    fn: (...args: A) => R,
    items: Source<Readonly<A>>,
    options?: TaskOptions | number,
  ): ImapIterator<Outcome<R>>;
  istarmapUnordered(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): ImapIterator<unknown> {
    return this.#calls.imap(fn, items, options, true, false, 'istarmapUnordered');
  }

  // -------------------------------------------------------------------------------------------- the end

  /** Takes no more work; what is pending still runs. Python: `Pool.close`. */
  close(): void {
    this.#engine.close();
  }

  /**
   * Ends every pending call with PoolTerminatedError at once, and all workers. Resolves when the workers are gone.
   * Python: `Pool.terminate`.
   */
  terminate(): Promise<void> {
    return this.#engine.terminate();
  }

  /**
   * Waits for the workers to end, after `close` or `terminate`. Python: `Pool.join`.
   *
   * As in Python, an `imap` is read to the end of its source meanwhile, no further ahead of the workers than `bufferSize`, and its
   * results can still be read after it. An endless source has no end: then only `timeout`, `signal` and `terminate` help.
   * Of a source without a length, such as a generator, a million results are kept; beyond that a reader who has begun is
   * waited for, and results that nobody has begun to read are dropped, which who reads later is told.
   * @throws StateError before `close` or `terminate`; TypeError, RangeError for bad options; TimeoutError after `timeout`
   * milliseconds, the reason of an aborted `signal`, InterruptedError on Ctrl+C: the workers end all the same
   */
  async join(options?: WaitOptions): Promise<void> {
    const limits = waitOptions(options);
    if (!this.#engine.closed)
      throw new StateError('The pool is still running: call close() or terminate() before join()');
    await limited(this.#engine.ended(), limits);
  }

  /** What the pool and its workers did so far. */
  stats(): PoolStats {
    return this.#engine.stats();
  }

  /** As `terminate`: what Python's `with` does. Calls that are cut off are named in a warning. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { pending } = this.#engine;
    if (pending > 0 && process.env.NODE_ENV !== 'production') {
      process.emitWarning(
        `A pool went out of scope with ${pending} pending tasks, which were cut off: ` +
          `${this.#engine.describePending().slice(0, 10).join(', ')}. Await their results first`,
        { type: 'ManycoreWarning', code: 'MANYCORE_CUT_OFF' },
      );
    }
    await this.terminate();
  }
}

staysHere(Pool, 'a Pool belongs to the thread that made it: a task can make one of its own');
staysHere(AsyncResult, 'an AsyncResult belongs to the thread that made the call: send what it resolves with');
staysHere(Imap, 'an ImapIterator belongs to the thread that made the call: send the results that it gives');
