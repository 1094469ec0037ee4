import { AsyncLocalStorage } from 'node:async_hooks';
import { AsyncResult } from './async-result.js';
import type { Reject, Resolve, Start } from './calls.js';
import type { Running } from './engine.js';
import type { AsyncTaskOptions } from './options.js';

/** A call as a promise. */
export function promised<R>(start: Start): Promise<R> {
  return new Promise((resolve, reject) => {
    start(resolve as Resolve, reject);
  });
}

/** What is called with the end of a call; a promise that it returns is waited for. */
type Callback = (end: unknown) => unknown;

/** A call as an AsyncResult, with the callbacks of the options. */
export function later<R>(start: Start, options: AsyncTaskOptions<never> | number | undefined): AsyncResult<R> {
  const callbacks = typeof options === 'object' ? options : {};
  const { callback, errorCallback } = callbacks as { callback?: Callback; errorCallback?: Callback };
  const inContext = callback === undefined && errorCallback === undefined ? undefined : AsyncLocalStorage.snapshot();
  let running: Running | undefined;
  let result: AsyncResult<R> | undefined;
  let heard = false;
  /** Ends the result while a callback's promise is waited for. */
  let giveUp: Reject | undefined;
  result = new AsyncResult<R>(
    (resolve, reject) => {
      // As one that throws, a callback whose promise rejects is the result's failure: until then there is no result.
      const after = (called: unknown, settle: () => void) => {
        if (!isThenable(called)) {
          settle();
          return;
        }
        giveUp = reject;
        Promise.resolve(called).then(settle, reject);
      };
      const fail = (error: unknown) => {
        if (errorCallback === undefined) {
          reject(error);
          return;
        }
        try {
          after(inContext?.(errorCallback, error), () => {
            heard = true;
            result?.markRead();
            reject(error);
          });
        } catch (thrown) {
          reject(thrown);
        }
      };
      const succeed = (value: unknown) => {
        if (callback === undefined) {
          resolve(value as R);
          return;
        }
        try {
          after(inContext?.(callback, value), () => resolve(value as R));
        } catch (thrown) {
          reject(thrown);
        }
      };
      try {
        running = start(succeed, fail);
      } catch (error) {
        fail(error);
      }
    },
    (reason) => {
      running?.abort(reason);
      giveUp?.(reason);
    },
  );
  // It failed at once.
  if (heard) result.markRead();
  return result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
