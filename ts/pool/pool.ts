import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { isMainThread } from 'node:worker_threads';
import { expected } from '../internal/describe.js';
import { StateError } from '../internal/errors.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { loadNative } from '../internal/load-native.js';
import { native } from '../internal/native.js';
import { poolOptions, type ResolvedPoolOptions, taskOptions, waitOptions } from '../internal/options.js';
import { workerSide } from '../internal/runtime.js';
import { Range } from '../range.js';
import { AsyncResult, limited } from './async-result.js';
import { Collector } from './collect.js';
import { Core } from './core.js';
import { detach, mustBeBuffer } from './detach.js';
import type { Engine, EngineEvents, Running } from './engine.js';
import { argumentsOf, Imap, type ImapIterator, type Source } from './imap.js';
import { InlineEngine } from './inline.js';
import type { AsyncTaskOptions, PoolOptions, TaskOptions, WaitOptions } from './options.js';
import { outside } from './outside.js';
import { observe } from './progress.js';
import type { Items } from './range-input.js';
import type { PoolStats, WorkerInfo } from './stats.js';
import type { Arguments, BigIntArray, CallArguments, NumberArray, Outcome, Settled } from './types.js';

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;
/** A call that has been checked: `start` begins it. */
type Start = (resolve: Resolve, reject: Reject) => Running | undefined;

/** How far `map` reads ahead in a source that has no length, where the caller does not say. */
const SOURCE_BUFFER = 1024;

/** What a pool tells its listeners. */
export interface PoolEvents {
  /** A worker is ready. */
  workerStart: [worker: WorkerInfo];
  /** A worker's thread has ended. */
  workerExit: [worker: WorkerInfo, exitCode: number | null];
  /** No call is pending any more. */
  drain: [];
  /** What a worker threw outside any task. Without a listener it is printed; it is never fatal. */
  error: [error: Error];
}

/**
 * A pool of workers that run functions in parallel.
 *
 * Workers start at the first call, are replaced when they die, and do not keep Node alive.
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

  /**
   * @param options - the number of workers (default `cpuCount()`), or all options
   * @throws TypeError, RangeError for bad options; StateError while a task's module is being loaded in a worker
   */
  constructor(options?: number | PoolOptions) {
    super();
    const resolved = poolOptions(options);
    if (!isMainThread && workerSide()?.moduleLoading() === true) throw guardError();
    this.#options = withinBudget(resolved, options);
    const events: EngineEvents = {
      workerStart: (worker) => outside(() => this.emit('workerStart', worker)),
      workerExit: (worker, exitCode) => outside(() => this.emit('workerExit', worker, exitCode)),
      drain: () => outside(() => this.emit('drain')),
      error: (error) => outside(() => this.#tell(error)),
    };
    this.#engine =
      this.#options.context === 'inline' ? new InlineEngine(this.#options, events) : new Core(this.#options, events);
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

  /** Starts the workers (`minProcesses` of them, if that is set); resolves when they are ready. */
  async ready(): Promise<this> {
    this.#mustRun();
    await this.#engine.ready();
    return this;
  }

  // ---------------------------------------------------------------------------------------------- apply

  /**
   * Calls `fn(...args)` in a worker.
   *
   * Python: `Pool.apply`; as every method here that ends in no `Sync`, it does not block.
   *
   * @example await pool.apply(Math.max, [1, 2, 3])
   */
  apply<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...[args, options]: CallArguments<A, TaskOptions>
  ): Promise<Outcome<R>> {
    return promise(this.#apply(fn, args as readonly unknown[] | undefined, options, 'apply'));
  }

  /** As `apply`; the result can be asked for, cancelled, and given to callbacks. Python: `Pool.apply_async`. */
  applyAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...[args, options]: CallArguments<A, AsyncTaskOptions<Outcome<R>>>
  ): AsyncResult<Outcome<R>> {
    return later(
      this.#apply(fn, args as readonly unknown[] | undefined, options as AsyncTaskOptions, 'applyAsync'),
      options as AsyncTaskOptions,
    );
  }

  /** As `apply`, blocking the calling thread until the result is there. */
  applySync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...[args, options]: CallArguments<A, TaskOptions>
  ): Outcome<R> {
    return this.#block(this.#apply(fn, args as readonly unknown[] | undefined, options, 'applySync')) as Outcome<R>;
  }

  #apply(
    fn: AnyFunction,
    args: readonly unknown[] | undefined = [],
    given: AsyncTaskOptions | undefined,
    method: string,
  ): Start {
    const options = taskOptions(given, method);
    mustBeFunction(fn);
    if (!Array.isArray(args)) throw new TypeError(expected('args', 'an array', args));
    this.#mustRun();
    return (resolve, reject) => {
      if (options.progress === undefined && options.onReport === undefined) {
        return this.#engine.call(fn, args, resolve, reject, options);
      }
      const observer = observe(options, 1);
      const end = (failed: number, settle: () => void) => {
        if (observer.settled(failed, 1, reject)) settle();
      };
      return this.#engine.call(
        fn,
        args,
        (value) => end(0, () => resolve(value)),
        (error) => end(1, () => reject(error)),
        observer.options,
      );
    };
  }

  // ------------------------------------------------------------------------------------------------ map

  /**
   * Calls `fn(item)` for every item, in parallel; the results keep the order of the items.
   *
   * All tasks run even if one throws; then the error of the first of them, by index, is thrown (unless `failFast` or
   * `settled`). A typed array gives a typed array of the same kind.
   *
   * Python: `Pool.map`.
   *
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
    return promise(this.#map(fn, items, options, false, 'map'));
  }

  /** As `map`; the results can be asked for, cancelled, and given to callbacks. Python: `Pool.map_async`. */
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
    return later(this.#map(fn, items, options, false, 'mapAsync'), options);
  }

  /** As `map`, blocking the calling thread until the results are there. */
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
    return this.#block(this.#map(fn, items, options, false, 'mapSync'));
  }

  /**
   * As `map`, with the elements of each item as arguments.
   *
   * Python: `Pool.starmap`.
   *
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
    return promise(this.#map(fn, items, options, true, 'starmap'));
  }

  /** As `starmap`; the results can be asked for, cancelled, and given to callbacks. Python: `Pool.starmap_async`. */
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
    return later(this.#map(fn, items, options, true, 'starmapAsync'), options);
  }

  /** As `starmap`, blocking the calling thread until the results are there. */
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
    return this.#block(this.#map(fn, items, options, true, 'starmapSync'));
  }

  #map(
    fn: AnyFunction,
    source: Source<unknown>,
    given: AsyncTaskOptions<never> | number | undefined,
    star: boolean,
    method: string,
  ): Start {
    const options = taskOptions(given, method);
    mustBeFunction(fn);
    mustBeSource(source, method.endsWith('Sync'));
    this.#mustRun();
    const items = listOf(source) ?? (method.endsWith('Sync') ? Array.from(source as Iterable<unknown>) : undefined);
    if (items === undefined) return (resolve, reject) => this.#mapSource(fn, source, options, star, resolve, reject);
    return (resolve, reject) => this.#mapList(fn, items, options, star, resolve, reject);
  }

  #mapList(
    fn: AnyFunction,
    items: Items,
    options: TaskOptions,
    star: boolean,
    resolve: Resolve,
    reject: Reject,
  ): Running | undefined {
    for (const buffer of options.transfer ?? []) mustBeBuffer(buffer);
    const observer = observe(options, items.length);
    let running: Running | undefined;
    // A progress function that throws ends the call.
    const end = (error: unknown) => (running === undefined ? reject(error) : running.refuse(error));
    const onSettled = observer.active ? observer.onItems(end) : undefined;
    const collector = new Collector(items, options.settled === true, resolve, reject, onSettled);
    if (items.length === 0) {
      if (options.signal?.aborted) reject(options.signal.reason);
      else collector.done();
      return undefined;
    }
    const rows = star ? Array.from(items, argumentsOf) : items;
    running = this.#engine.range(fn, rows, star, observer.options, collector);
    for (const buffer of options.transfer ?? []) detach(buffer);
    if (options.failFast === true) collector.failFast = (error) => running?.refuse(error);
    return running;
  }

  /** A source without a length: pulled as its results come. */
  #mapSource(
    fn: AnyFunction,
    source: Source<unknown>,
    options: TaskOptions,
    star: boolean,
    resolve: Resolve,
    reject: Reject,
  ): Running | undefined {
    const results = this.#imap(
      fn,
      source,
      { ...options, bufferSize: options.bufferSize ?? SOURCE_BUFFER, settled: true },
      star,
      true,
    );
    void gather(results, options, resolve, reject);
    return { abort: (reason) => results.stop(reason, true), refuse: (error) => results.stop(error, false) };
  }

  // ----------------------------------------------------------------------------------------------- imap

  /**
   * As `map`, result by result: an async iterator that reads at most `bufferSize` items ahead, so that an endless source
   * needs no more memory than a short one. It starts at the call.
   *
   * Python: `Pool.imap`.
   *
   * @example for await (const size of pool.imap(sizeOf, paths())) total += size;
   */
  imap<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options: Settled<TaskOptions>,
  ): ImapIterator<PromiseSettledResult<Outcome<R>>>;
  imap<T, R>(fn: (item: T) => R, items: Source<T>, options?: TaskOptions | number): ImapIterator<Outcome<R>>;
  imap(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): ImapIterator<unknown> {
    return this.#startImap(fn, items, options, false, true, 'imap');
  }

  /** As `imap`, with the results in the order in which they come. Python: `Pool.imap_unordered`. */
  imapUnordered<T, R>(
    fn: (item: T) => R,
    items: Source<T>,
    options: Settled<TaskOptions>,
  ): ImapIterator<PromiseSettledResult<Outcome<R>>>;
  imapUnordered<T, R>(fn: (item: T) => R, items: Source<T>, options?: TaskOptions | number): ImapIterator<Outcome<R>>;
  imapUnordered(fn: AnyFunction, items: Source<unknown>, options?: TaskOptions | number): ImapIterator<unknown> {
    return this.#startImap(fn, items, options, false, false, 'imapUnordered');
  }

  /** As `imap`, with the elements of each item as arguments. Python has no counterpart. */
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
    return this.#startImap(fn, items, options, true, true, 'istarmap');
  }

  /** As `istarmap`, with the results in the order in which they come. Python has no counterpart. */
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
    return this.#startImap(fn, items, options, true, false, 'istarmapUnordered');
  }

  #startImap(
    fn: AnyFunction,
    source: Source<unknown>,
    given: TaskOptions | number | undefined,
    star: boolean,
    ordered: boolean,
    method: string,
  ): ImapIterator<unknown> {
    const options = taskOptions(given, method);
    mustBeFunction(fn);
    mustBeSource(source, false);
    this.#mustRun();
    return this.#imap(fn, source, options, star, ordered);
  }

  #imap(fn: AnyFunction, source: Source<unknown>, options: TaskOptions, star: boolean, ordered: boolean): Imap {
    const { processes, concurrency, maxPending, whenFull } = this.#options;
    // It waits for room by itself: it must not fill the pool with what would then be rejected.
    const room = whenFull === 'reject' ? maxPending : Number.POSITIVE_INFINITY;
    const chunkSize = Math.min(options.chunkSize ?? 1, room);
    const busyAt = processes * (options.concurrency ?? concurrency);
    const bufferSize = Math.min(options.bufferSize ?? 2 * busyAt * chunkSize, room);
    const observer = observe(options, listOf(source)?.length);
    const imap: Imap = new Imap(this.#engine, source, {
      fn,
      star,
      ordered,
      chunkSize,
      bufferSize,
      busyAt,
      options: observer.options,
      onSettled: observer.active ? observer.onEach((error) => imap.stop(error, false)) : undefined,
    });
    return imap;
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
   * @throws StateError before `close` or `terminate`; TimeoutError
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

  // --------------------------------------------------------------------------------------------- inside

  #mustRun(): void {
    const refusal = this.#engine.refusal();
    if (refusal !== undefined) throw refusal;
  }

  #block(start: Start): unknown {
    let outcome: { value: unknown } | { error: unknown } | undefined;
    start(
      (value) => {
        outcome ??= { value };
      },
      (error) => {
        outcome ??= { error };
      },
    );
    this.#engine.waitFor(() => outcome !== undefined);
    const done = outcome as unknown as { value: unknown } | { error: unknown };
    if ('error' in done) throw done.error;
    return done.value;
  }

  #tell(error: unknown): void {
    const thrown = error instanceof Error ? error : new Error(`A worker threw ${String(error)}`, { cause: error });
    if (this.listenerCount('error') > 0) this.emit('error', thrown);
    else console.error('manycore: a worker threw outside any task:', thrown);
  }
}

function promise<R>(start: Start): Promise<R> {
  return new Promise((resolve, reject) => {
    start(resolve as Resolve, reject);
  });
}

/** An AsyncResult with the callbacks of the options. */
function later<R>(start: Start, options: AsyncTaskOptions<never> | number | undefined): AsyncResult<R> {
  const callbacks = typeof options === 'object' ? options : {};
  const { callback, errorCallback } = callbacks as { callback?: (value: unknown) => void; errorCallback?: Reject };
  const inContext = callback === undefined && errorCallback === undefined ? undefined : AsyncLocalStorage.snapshot();
  let running: Running | undefined;
  let result: AsyncResult<R> | undefined;
  result = new AsyncResult<R>(
    (resolve, reject) => {
      const fail = (error: unknown) => {
        if (errorCallback === undefined) {
          reject(error);
          return;
        }
        result?.markRead();
        try {
          inContext?.(errorCallback, error);
          reject(error);
        } catch (thrown) {
          reject(thrown);
        }
      };
      const succeed = (value: unknown) => {
        try {
          if (callback !== undefined) inContext?.(callback, value);
          resolve(value as R);
        } catch (error) {
          reject(error);
        }
      };
      try {
        running = start(succeed, fail);
      } catch (error) {
        fail(error);
      }
    },
    (reason) => running?.abort(reason),
  );
  return result;
}

/** Reads an iterator of settled results to its end. */
async function gather(results: Imap, options: TaskOptions, resolve: Resolve, reject: Reject): Promise<void> {
  const values: unknown[] = [];
  let firstError: { error: unknown } | undefined;
  try {
    for await (const result of results as AsyncIterable<PromiseSettledResult<unknown>>) {
      if (options.settled === true) {
        values.push(result);
      } else if (result.status === 'fulfilled') {
        values.push(result.value);
      } else {
        firstError ??= { error: result.reason };
        if (options.failFast === true) break;
      }
    }
  } catch (error) {
    reject(error);
    return;
  }
  if (firstError === undefined) resolve(values);
  else reject(firstError.error);
}

/** The items as a list, if the source has all of them at hand. */
function listOf(source: Source<unknown>): Items | undefined {
  if (Array.isArray(source)) return source;
  if (ArrayBuffer.isView(source) && !(source instanceof DataView)) return source as unknown as Items;
  if (source instanceof Range) return Array.from(source);
  return undefined;
}

function mustBeFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(expected('fn', 'a function', fn));
}

function mustBeSource(source: unknown, sync: boolean): void {
  const has = (key: symbol) =>
    source !== null && source !== undefined && typeof (source as { [key: symbol]: unknown })[key] === 'function';
  if (has(Symbol.iterator) || (!sync && has(Symbol.asyncIterator))) return;
  throw new TypeError(expected('items', sync ? 'an iterable' : 'an iterable or async iterable', source));
}

function guardError(): StateError {
  return new StateError(
    'A worker is importing this module to find a task, and the module makes a Pool again. Guard the main program:\n\n' +
      "  import { isMainThread } from 'node:worker_threads';\n" +
      '  if (isMainThread) {\n    const pool = new Pool();\n    …\n  }\n\n' +
      'or move the task functions into a module of their own.',
  );
}

/** Pools in workers share the processors: without a number of their own they take what is left, one at least. */
function withinBudget(options: ResolvedPoolOptions, given: number | PoolOptions | undefined): ResolvedPoolOptions {
  const explicit = typeof given === 'number' || given?.processes !== undefined;
  if (explicit || workerSide() === undefined) return options;
  loadNative();
  const processes = Math.max(1, options.processes - native.workerCount());
  return { ...options, processes, minProcesses: Math.min(options.minProcesses, processes) };
}
