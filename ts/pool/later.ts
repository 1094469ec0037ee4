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

/** A call as an AsyncResult, with the callbacks of the options. */
export function later<R>(start: Start, options: AsyncTaskOptions<never> | number | undefined): AsyncResult<R> {
  const callbacks = typeof options === 'object' ? options : {};
  const { callback, errorCallback } = callbacks as { callback?: (value: unknown) => void; errorCallback?: Reject };
  const inContext = callback === undefined && errorCallback === undefined ? undefined : AsyncLocalStorage.snapshot();
  let running: Running | undefined;
  let result: AsyncResult<R> | undefined;
  let heard = false;
  result = new AsyncResult<R>(
    (resolve, reject) => {
      const fail = (error: unknown) => {
        if (errorCallback === undefined) {
          reject(error);
          return;
        }
        try {
          inContext?.(errorCallback, error);
          heard = true;
          result?.markRead();
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
  // It failed at once.
  if (heard) result.markRead();
  return result;
}
