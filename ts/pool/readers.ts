import { TimeoutError } from '../internal/errors.js';
import type { ResolvedWaitOptions } from '../internal/options.js';
import { offAbort, onAbort } from '../internal/signals.js';
import { Timer } from '../internal/timer.js';

/** Somebody who waits for a result of an imap. */
export interface Reader {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

/** Those who wait for results of an imap, first come, first served. */
export class Readers {
  readonly #waiting: Reader[] = [];

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * One more. `serve` is called when it stands in line, and gives what is there. Whoever gives up leaves the line, and what
   * it would have got goes to the next.
   */
  wait({ timeout, signal }: ResolvedWaitOptions, serve: () => void): Promise<IteratorResult<unknown>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const reader: Reader = { resolve, reject };
      this.#waiting.push(reader);
      serve();
      if ((timeout === Number.POSITIVE_INFINITY && signal === undefined) || !this.#waiting.includes(reader)) return;
      const giveUp = (error: unknown): void => {
        this.#waiting.splice(this.#waiting.indexOf(reader), 1);
        reader.reject(error);
      };
      const onSignal = (): void => giveUp(signal?.reason);
      const timer = new Timer(timeout, () => giveUp(new TimeoutError(`No result after ${timeout} ms`)));
      onAbort(signal, onSignal);
      const settle =
        <A>(end: (value: A) => void) =>
        (value: A): void => {
          timer.clear();
          offAbort(signal, onSignal);
          end(value);
        };
      reader.resolve = settle(resolve);
      reader.reject = settle(reject);
    });
  }

  /** Takes the first one out of the line, to be given something. */
  shift(): Reader {
    return this.#waiting.shift() as Reader;
  }
}
