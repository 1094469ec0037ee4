import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnyFunction } from '../internal/functions/definition.js';
import { tidy } from '../internal/numbers.js';
import { waitOptions } from '../internal/options.js';
import { offAbort, onAbort } from '../internal/signals.js';
import { detachListed } from './detach.js';
import type { Engine, Running } from './engine.js';
import type { TaskOptions, WaitOptions } from './options.js';
import { type Reader, Readers } from './readers.js';
import { argumentsOf, type Source, stepOf } from './sources.js';
import { type Outcome, Unread } from './unread.js';

/**
 * The results of `imap` and its siblings, as an async iterator.
 *
 * Python: the iterator that `multiprocessing.Pool.imap` returns.
 *
 * @example
 * for await (const line of pool.imap(parse, lines)) console.log(line);
 */
export interface ImapIterator<R> extends AsyncIterableIterator<R> {
  /**
   * The next result. A task's error rejects this call only, and iteration goes on.
   * @param options - `timeout`: after so many milliseconds it rejects with TimeoutError; `signal`: once it is aborted, with
   * its `reason`. Nothing is lost: what comes later is for the next call
   * @throws TypeError, RangeError for bad options. It rejects with what the task failed with, and iteration goes on; or
   * with what ended the call (an error of the source, the reason of an aborted `signal`, the pool's end), and it is over
   */
  next(options?: WaitOptions): Promise<IteratorResult<R>>;
}

/** What an imap needs to know beside its function and its source. */
export interface ImapPlan {
  readonly fn: AnyFunction;
  readonly star: boolean;
  readonly ordered: boolean;
  readonly chunkSize: number;
  readonly bufferSize: number;
  /** How many chunks in flight keep all workers busy: below that a partial chunk is sent at once. */
  readonly busyAt: number;
  /** The source is known to end. */
  readonly finite: boolean;
  readonly options: TaskOptions;
  /** Told of every result. */
  readonly onSettled: ((failed: boolean) => void) | undefined;
}

/** A join lets the event loop turn after so many items. */
const TURN = 32;

/** Pulls a source through the workers, a bounded number of items ahead of the reader. */
export class Imap implements ImapIterator<unknown> {
  readonly #engine: Engine;
  readonly #plan: ImapPlan;
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #async: boolean;
  readonly #inContext: ReturnType<typeof AsyncLocalStorage.snapshot> = AsyncLocalStorage.snapshot();
  readonly #release: () => void;
  readonly #unread: Unread;
  readonly #readers = new Readers();
  readonly #running = new Set<Running>();
  #chunk: unknown[] = [];
  #chunksInFlight = 0;
  #pulled = 0;
  #pulling = false;
  #sourceEnded = false;
  /** Somebody waits for the pool's end: the source is read to its end, whether results are read or not. */
  #finishing = false;
  /** How many items may be pulled while somebody waits for that, until the event loop has turned. */
  #budget = TURN;
  #sourceError: { error: unknown } | undefined;
  /** Why there is nothing more to come, before the source's end. */
  #stopped: { error: unknown } | 'returned' | undefined;

  constructor(engine: Engine, source: Source<unknown>, plan: ImapPlan) {
    this.#engine = engine;
    this.#plan = plan;
    this.#unread = new Unread(plan.ordered, plan.finite);
    const asynchronous = (source as AsyncIterable<unknown>)[Symbol.asyncIterator];
    this.#async = typeof asynchronous === 'function';
    this.#iterator = this.#async
      ? (source as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (source as Iterable<unknown>)[Symbol.iterator]();
    const readers = this.#readers;
    this.#release = engine.hold({
      onEnd: (error) => this.#stop({ error }),
      onJoin: () => this.#finish(),
      get awaited() {
        return readers.length > 0;
      },
    });
    const { signal } = plan.options;
    if (signal?.aborted) this.#stop({ error: signal.reason });
    else onAbort(signal, this.#onAbort);
    this.#pull();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(options?: WaitOptions): Promise<IteratorResult<unknown>> {
    const limits = waitOptions(options);
    this.#unread.ask(this.#pulled);
    return this.#readers.wait(limits, () => this.#serve());
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#stop('returned');
    return { done: true, value: await value };
  }

  readonly #onAbort = (): void => this.#stop({ error: this.#plan.options.signal?.reason });

  // ----------------------------------------------------------------------------------------- the source

  #pull(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    if (this.#async) void this.#inContext(() => this.#pullAsync());
    else this.#inContext(() => this.#pullSync());
  }

  /** How many items were taken that take up room. */
  get #ahead(): number {
    return this.#pulled - (this.#finishing ? this.#unread.arrived : this.#unread.read);
  }

  get #mayPull(): boolean {
    if (this.#stopped !== undefined || this.#sourceEnded || this.#ahead >= this.#plan.bufferSize) return false;
    return !this.#finishing || (this.#budget > 0 && !this.#unread.isFull(this.#pulled));
  }

  #pullSync(): void {
    try {
      while (this.#mayPull) {
        const { done, value } = stepOf((this.#iterator as Iterator<unknown>).next());
        if (done) this.#endOfSource(undefined);
        else this.#add(value);
        // What cannot be sent fails at once, and makes room.
        if (!this.#mayPull) this.#flushIfIdle();
      }
    } catch (error) {
      this.#endOfSource({ error });
    }
    this.#pulling = false;
    this.#serve();
  }

  async #pullAsync(): Promise<void> {
    try {
      while (this.#mayPull) {
        const next = (this.#iterator as AsyncIterator<unknown>).next();
        this.#flushIfIdle();
        const { done, value } = stepOf(await next);
        if (this.#stopped !== undefined) break;
        if (done) this.#endOfSource(undefined);
        else this.#add(value);
      }
    } catch (error) {
      this.#endOfSource({ error });
    }
    this.#pulling = false;
    this.#flushIfIdle();
    this.#serve();
  }

  #endOfSource(error: { error: unknown } | undefined): void {
    this.#sourceEnded = true;
    this.#sourceError = error;
    this.#flush();
    if (this.#finishing) this.#finish();
  }

  // ---------------------------------------------------------------------------------------- the workers

  #add(item: unknown): void {
    this.#pulled++;
    if (this.#finishing && --this.#budget === 0) setImmediate(this.#onTurn);
    this.#chunk.push(item);
    if (this.#chunk.length >= this.#plan.chunkSize) this.#flush();
  }

  /** A chunk that is not full goes as soon as a worker has nothing else to do. */
  #flushIfIdle(): void {
    if (this.#chunksInFlight < this.#plan.busyAt || this.#ahead >= this.#plan.bufferSize) this.#flush();
  }

  #flush(): void {
    if (this.#chunk.length === 0 || this.#stopped !== undefined) return;
    const items = this.#chunk;
    this.#chunk = [];
    const first = this.#pulled - items.length;
    this.#chunksInFlight++;
    if (items.length === 1) this.#submitOne(items[0], first);
    else this.#submitMany(items, first);
  }

  #submitOne(item: unknown, index: number): void {
    const { fn, star, options } = this.#plan;
    let running: Running | undefined;
    const settle = (outcome: Outcome) => {
      if (running !== undefined) this.#running.delete(running);
      this.#chunksInFlight--;
      this.#settled(index, outcome);
    };
    try {
      running = this.#engine.call(
        fn,
        star ? argumentsOf(item, index) : [item],
        (value) => settle({ ok: true, value }),
        (error) => settle({ ok: false, error }),
        { ...options, signal: undefined, transfer: undefined },
        index,
      );
      if (running !== undefined) this.#running.add(running);
      detachListed(item, options.transfer);
    } catch (error) {
      settle({ ok: false, error });
    }
  }

  #submitMany(items: readonly unknown[], first: number): void {
    const { fn, star, options } = this.#plan;
    let running: Running | undefined;
    const done = () => {
      if (running !== undefined) this.#running.delete(running);
      this.#chunksInFlight--;
      this.#afterResult();
    };
    // It may fail as a whole when some of it has been told.
    const told = new Uint8Array(items.length);
    const settle = (index: number, outcome: Outcome) => {
      told[index] = 1;
      this.#settled(first + index, outcome);
    };
    const failAll = (error: unknown) => {
      done();
      for (let i = 0; i < items.length; i++) if (told[i] === 0) settle(i, { ok: false, error });
    };
    try {
      const rows = star ? items.map((item, i) => argumentsOf(item, first + i)) : items;
      running = this.#engine.range(
        fn,
        rows,
        star,
        { ...options, signal: undefined, transfer: undefined, chunkSize: items.length },
        {
          numbers: (start, count, numbers, at) => {
            for (let i = 0; i < count; i++) settle(start + i, { ok: true, value: tidy(numbers[at + i]) });
          },
          values: (start, values) => {
            for (let i = 0; i < values.length; i++) settle(start + i, { ok: true, value: values[i] });
          },
          value: (index, value) => settle(index, { ok: true, value }),
          error: (index, error) => settle(index, { ok: false, error }),
          done,
          failed: failAll,
        },
        first,
      );
      if (running !== undefined) this.#running.add(running);
      for (const item of items) detachListed(item, options.transfer);
    } catch (error) {
      failAll(error);
    }
  }

  #settled(index: number, outcome: Outcome): void {
    if (this.#stopped !== undefined) return;
    this.#unread.add(index, outcome);
    this.#plan.onSettled?.(!outcome.ok);
    this.#afterResult();
  }

  #afterResult(): void {
    if (this.#stopped !== undefined) return;
    this.#flushIfIdle();
    this.#serve();
    if (this.#finishing) this.#finish();
  }

  /**
   * Somebody waits for the pool's end. As Python's, which reads its source eagerly: everything runs before that. No more
   * items are under way than before, though their results need not be read.
   */
  #finish(): void {
    this.#unread.join();
    this.#finishing = true;
    if (this.#mayPull) this.#pull();
    if (this.#sourceEnded && this.#chunk.length === 0 && this.#chunksInFlight === 0) this.#leave();
  }

  readonly #onTurn = (): void => {
    this.#budget = TURN;
    if (this.#mayPull) this.#pull();
  };

  // ----------------------------------------------------------------------------------------- the reader

  /** Gives readers what is there. */
  #serve(): void {
    while (this.#readers.length > 0) {
      const outcome = this.#unread.take();
      if (outcome !== undefined) {
        this.#give(this.#readers.shift(), outcome);
      } else if (!this.#serveEnd()) {
        break;
      }
    }
    if (this.#mayPull && !this.#pulling) this.#pull();
    // Everything was read: whether the reader asks for the end or not.
    if (this.#sourceEnded && this.#unread.read >= this.#pulled) this.#leave();
  }

  #give(reader: Reader, outcome: Outcome): void {
    if (this.#plan.options.settled) {
      const value: PromiseSettledResult<unknown> = outcome.ok
        ? { status: 'fulfilled', value: outcome.value }
        : { status: 'rejected', reason: outcome.error };
      reader.resolve({ done: false, value });
    } else if (outcome.ok) {
      reader.resolve({ done: false, value: outcome.value });
    } else {
      reader.reject(outcome.error);
    }
  }

  /** No result is there: is that the end? */
  #serveEnd(): boolean {
    const ended = this.#sourceEnded && this.#unread.read >= this.#pulled;
    if (this.#stopped === undefined && !ended) return false;
    const reader = this.#readers.shift();
    const error =
      typeof this.#stopped === 'object' ? this.#stopped : this.#stopped === undefined ? this.#sourceError : undefined;
    // An error is told once; after it, the iteration is over.
    this.#sourceError = undefined;
    if (this.#stopped !== undefined) this.#stopped = 'returned';
    this.#leave();
    if (error === undefined) reader.resolve({ done: true, value: undefined });
    else reader.reject(error.error);
    return true;
  }

  /** Ends the iteration with an error; `abort`: tasks that run are stopped, too. */
  stop(error: unknown, abort: boolean): void {
    this.#stop({ error }, abort);
  }

  #stop(why: { error: unknown } | 'returned', abort = why !== 'returned'): void {
    if (
      this.#stopped !== undefined ||
      (this.#sourceEnded && this.#unread.read >= this.#pulled && this.#sourceError === undefined)
    ) {
      this.#leave();
      return;
    }
    this.#stopped = why;
    this.#unread.clear();
    this.#chunk = [];
    const running = [...this.#running];
    this.#running.clear();
    // An abort stops what runs; a reader who has left does not care.
    for (const call of running) {
      if (abort) call.abort(undefined);
      else call.refuse(undefined);
    }
    this.#closeSource();
    this.#leave();
    this.#serve();
  }

  #closeSource(): void {
    if (this.#sourceEnded) return;
    this.#sourceEnded = true;
    try {
      const closing = this.#iterator.return?.();
      Promise.resolve(closing).catch(() => {});
    } catch {
      // The source's own clean-up failed; whoever reads has left or has an error already.
    }
  }

  #leave(): void {
    offAbort(this.#plan.options.signal, this.#onAbort);
    this.#release();
  }
}
