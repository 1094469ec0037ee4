import { expected } from '../internal/describe.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { type ResolvedPoolOptions, taskOptions } from '../internal/options.js';
import { Collector } from './collect.js';
import { detach, mustBeBuffer } from './detach.js';
import type { Engine, Running } from './engine.js';
import { Imap, type ImapIterator } from './imap.js';
import type { AsyncTaskOptions, TaskOptions } from './options.js';
import { observe } from './progress.js';
import type { Items } from './range-input.js';
import { argumentsOf, lengthOf, listOf, mustBeSource, type Source } from './sources.js';
import { isTypedArray } from './typed.js';

export type Resolve = (value: unknown) => void;
export type Reject = (error: unknown) => void;
/** A call that has been checked: calling this begins it. */
export type Start = (resolve: Resolve, reject: Reject) => Running | undefined;

/** How far `map` reads ahead in a source that has no length, where the caller does not say. */
const SOURCE_BUFFER = 1024;

/** What a pool's methods have in common: they check what they were given, and put results together. */
export class Calls {
  readonly #engine: Engine;
  readonly #options: ResolvedPoolOptions;

  constructor(engine: Engine, options: ResolvedPoolOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** One call of `fn`. */
  apply(
    fn: AnyFunction,
    args: readonly unknown[] | undefined = [],
    given: AsyncTaskOptions | undefined,
    method: string,
  ): Start {
    const options = taskOptions(given, method);
    mustBeFunction(fn);
    if (!Array.isArray(args)) throw new TypeError(expected('args', 'an array', args));
    this.mustRun();
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

  /** One call of `fn` for every item; `star`: with the item's elements as arguments. */
  map(
    fn: AnyFunction,
    source: Source<unknown>,
    given: AsyncTaskOptions<never> | number | undefined,
    star: boolean,
    method: string,
  ): Start {
    const options = taskOptions(given, method);
    mustBeFunction(fn);
    mustBeSource(source, method.endsWith('Sync'));
    this.mustRun();
    const items = listOf(source) ?? (method.endsWith('Sync') ? Array.from(source as Iterable<unknown>) : undefined);
    if (items === undefined) return (resolve, reject) => this.#mapSource(fn, source, options, star, resolve, reject);
    return (resolve, reject) => this.#mapList(fn, items, isTypedArray(source), options, star, resolve, reject);
  }

  #mapList(
    fn: AnyFunction,
    items: Items,
    typed: boolean,
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
    // A list of a range's numbers is a typed array, which the caller does not know of.
    const like = typed ? items : { length: items.length };
    const collector = new Collector(like, options.settled === true, resolve, reject, onSettled);
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

  /** The same, result by result. */
  imap(
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
    this.mustRun();
    return this.#imap(fn, source, options, star, ordered);
  }

  #imap(fn: AnyFunction, source: Source<unknown>, options: TaskOptions, star: boolean, ordered: boolean): Imap {
    const { processes, concurrency, maxPending, whenFull } = this.#options;
    // It waits for room by itself: it must not fill the pool with what would then be rejected.
    const room = whenFull === 'reject' ? maxPending : Number.POSITIVE_INFINITY;
    const chunkSize = Math.min(options.chunkSize ?? 1, room);
    const busyAt = processes * (options.concurrency ?? concurrency);
    const bufferSize = Math.min(options.bufferSize ?? 2 * busyAt * chunkSize, room);
    const length = lengthOf(source);
    const observer = observe(options, length);
    const imap: Imap = new Imap(this.#engine, source, {
      fn,
      star,
      ordered,
      chunkSize,
      bufferSize,
      busyAt,
      finite: length !== undefined,
      options: observer.options,
      onSettled: observer.active ? observer.onEach((error) => imap.stop(error, false)) : undefined,
    });
    return imap;
  }

  /** Begins a call and blocks the calling thread until it has ended. */
  block(start: Start): unknown {
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

  /** Throws StateError when the pool takes no more calls. */
  mustRun(): void {
    const refusal = this.#engine.refusal();
    if (refusal !== undefined) throw refusal;
  }
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

function mustBeFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(expected('fn', 'a function', fn));
}
