import { CancelledError, InterruptedError, StateError, TimeoutError } from '../internal/errors.js';
import { waitOptions } from '../internal/options.js';
import { Timer } from '../internal/timer.js';
import type { WaitOptions } from './options.js';

type State<R> = { done: false } | { done: true; ok: true; value: R } | { done: true; ok: false; error: unknown };

/**
 * The result of a call that may not have ended yet. It can be awaited like a promise.
 *
 * A failure that nobody reads is printed once to standard error, and is not fatal.
 *
 * Python: `multiprocessing.pool.AsyncResult`.
 *
 * @example
 * const result = pool.applyAsync(square, [7]);
 * if (!result.ready()) await result.wait({ timeout: 100 });
 * console.log(await result.get());
 */
export class AsyncResult<R> implements Promise<R> {
  readonly [Symbol.toStringTag] = 'AsyncResult';
  readonly #promise: Promise<R>;
  readonly #cancel: (reason: Error) => void;
  #state: State<R> = { done: false };
  #read = false;

  /** Internal: pools make results. */
  constructor(
    start: (resolve: (value: R) => void, reject: (error: unknown) => void) => void,
    cancel: (reason: Error) => void,
  ) {
    this.#cancel = cancel;
    this.#promise = new Promise<R>((resolve, reject) => {
      start(
        (value) => {
          if (this.#state.done) return;
          this.#state = { done: true, ok: true, value };
          resolve(value);
        },
        (error) => {
          if (this.#state.done) return;
          this.#state = { done: true, ok: false, error };
          reject(error);
          this.#reportUnread(error);
        },
      );
    });
    this.#promise.catch(() => {});
  }

  /**
   * The value, or the error, as soon as it is there.
   * @throws TypeError, RangeError for bad options. It rejects with what the call failed with; with TimeoutError when
   * `timeout` milliseconds have passed, and with the reason of an aborted `signal`: the call goes on
   */
  get(options?: WaitOptions): Promise<R> {
    this.#read = true;
    return limited(this.#promise, waitOptions(options));
  }

  /**
   * Resolves when the call has ended, either way, or when `timeout` milliseconds have passed.
   * @throws TypeError, RangeError for bad options; the reason of an aborted `signal`
   */
  async wait(options?: WaitOptions): Promise<void> {
    const limits = waitOptions(options);
    const ended = this.#promise.then(
      () => {},
      () => {},
    );
    try {
      await limited(ended, limits);
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }

  /** Whether the call has ended. */
  ready(): boolean {
    return this.#state.done;
  }

  /**
   * Whether the call has ended without an error.
   * @throws StateError while it has not ended
   */
  successful(): boolean {
    if (!this.#state.done) throw new StateError('The result is not ready');
    return this.#state.ok;
  }

  /** Ends the call with CancelledError. Answers false if it had ended already. */
  cancel(): boolean {
    if (this.#state.done) return false;
    this.#read = true;
    this.#cancel(new CancelledError('The call was cancelled'));
    return true;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  then<A = R, B = never>(
    onfulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#read = true;
    return this.#promise.then(onfulfilled, onrejected);
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    this.#read = true;
    return this.#promise.catch(onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<R> {
    this.#read = true;
    return this.#promise.finally(onfinally);
  }

  /** The failure has reached somebody: an `errorCallback`. */
  markRead(): void {
    this.#read = true;
  }

  #reportUnread(error: unknown): void {
    // Whoever pressed Ctrl+C knows.
    if (error instanceof InterruptedError) return;
    // Whoever reads it does so by the next turn of the event loop, as with a promise.
    setImmediate(() => {
      if (!this.#read) console.error('manycore: nobody read the failure of this AsyncResult:', error);
    });
  }
}

/** The promise, or TimeoutError, or the signal's reason: whatever comes first. */
export function limited<R>(
  promise: Promise<R>,
  { timeout, signal }: { timeout: number; signal: AbortSignal | undefined },
): Promise<R> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  if (timeout === Number.POSITIVE_INFINITY && signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const onAbort = () => finish(() => reject(signal?.reason));
    const finish = (end: () => void) => {
      timer?.clear();
      signal?.removeEventListener('abort', onAbort);
      end();
    };
    promise.then(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    if (timeout !== Number.POSITIVE_INFINITY) {
      const late = () => finish(() => reject(new TimeoutError(`Not ready after ${timeout} ms`)));
      timer = new Timer(timeout, late);
    }
  });
}
