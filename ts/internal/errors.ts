/**
 * Every error class of the package.
 *
 * `instanceof` asks for a brand (a registered symbol on the prototype), not for the constructor's identity: an error made
 * by another copy of the package, or rebuilt after it crossed a thread, is still recognised.
 */

import { BRAND, isBranded } from './brand.js';

/** What every error class takes beside its message. */
export interface ErrorDetails {
  /** The error that led to this one. */
  cause?: unknown;
}

/** `WorkerLostError` → `ERR_MANYCORE_WORKER_LOST`. */
function codeOf(className: string): string {
  if (className === 'ManycoreError') return 'ERR_MANYCORE';
  const words = className.replace(/Error$/, '').replace(/([a-z])([A-Z])/g, '$1_$2');
  return `ERR_MANYCORE_${words.toUpperCase()}`;
}

/** The base of all error classes: catches any of them, while user code's own errors pass. */
export class ManycoreError extends Error {
  /** The stable code of the class, for example `ERR_MANYCORE_TIMEOUT`. */
  declare static readonly code: string;

  /** The stable code, for example `ERR_MANYCORE_TIMEOUT`. It never changes, unlike the message. */
  readonly code: string;

  constructor(message?: string, options?: ErrorDetails) {
    super(message, options !== undefined && 'cause' in options ? { cause: options.cause } : undefined);
    this.code = new.target.code;
  }
}

/** The base class of errors about processes and their connections. Python: `multiprocessing.ProcessError`. */
export class ProcessError extends ManycoreError {}

/** A message is longer than the buffer given for it. Python: `multiprocessing.BufferTooShort`. */
export class BufferTooShortError extends ProcessError {
  /** The whole message. */
  declare readonly data?: Uint8Array;

  constructor(message?: string, options?: ErrorDetails & { data?: Uint8Array }) {
    super(message, options);
    if (options?.data !== undefined) this.data = options.data;
  }
}

/** The other side of a connection does not know the key. Python: `multiprocessing.AuthenticationError`. */
export class AuthenticationError extends ProcessError {}

/** A time limit has passed. Python: `multiprocessing.TimeoutError`. */
export class TimeoutError extends ProcessError {}

/** The object is not in a state that allows this call, for example a pool that was closed. Python: `ValueError("Pool not running")`. */
export class StateError extends ManycoreError {}

/** What a {@link SerializationError} tells beside its message. */
export interface SerializationDetails extends ErrorDetails {
  /** Where the value sits, for example `args[0].db`. */
  path?: string | undefined;
}

/** A value or a function cannot be sent to another thread. Python: `pickle.PicklingError`, `multiprocessing.pool.MaybeEncodingError`. */
export class SerializationError extends ManycoreError {
  /** Where the value sits, for example `args[0].db`; absent when the whole value is meant. */
  declare readonly path?: string;

  constructor(message?: string, options?: SerializationDetails) {
    super(message, options);
    if (options?.path !== undefined) this.path = options.path;
  }
}

/** What a {@link WorkerLostError} tells beside its message. */
export interface WorkerLostDetails extends ErrorDetails {
  exitCode?: number | null;
  signal?: string | null;
  reason?: string;
  workerId?: number | null;
  index?: number | null;
  attempt?: number;
}

/**
 * The worker died while it ran this task: it exited, crashed, ran out of memory or was killed.
 * Only the tasks that it ran are lost; the pool goes on with a new worker.
 * Python: `concurrent.futures.process.BrokenProcessPool` (which there breaks the whole pool).
 */
export class WorkerLostError extends ManycoreError {
  /** The worker's exit code, if it is known. */
  readonly exitCode: number | null;
  /** The signal that ended the worker, such as `SIGKILL`; `null` if none did (always so for threads). */
  readonly signal: string | null;
  /** Why the worker died, in words. */
  readonly reason: string;
  /** The worker's id in its pool; `null` if it never started. */
  readonly workerId: number | null;
  /** The index of the lost task in its `map`; `null` if the worker ran no task. */
  readonly index: number | null;
  /** Which attempt at the task was lost: 1 for the first. */
  readonly attempt: number;

  constructor(message?: string, options?: WorkerLostDetails) {
    super(message, options);
    this.exitCode = options?.exitCode ?? null;
    this.signal = options?.signal ?? null;
    this.reason = options?.reason ?? '';
    this.workerId = options?.workerId ?? null;
    this.index = options?.index ?? null;
    this.attempt = options?.attempt ?? 1;
  }
}

/** The pool was terminated before this call was done. Python has no such error: there the call waits for ever. */
export class PoolTerminatedError extends ManycoreError {}

/** The pool cannot go on: its workers died more often than `maxRestarts` allows. Python: `BrokenProcessPool`. */
export class BrokenPoolError extends ManycoreError {}

/** Ctrl+C was pressed while this call was pending. Python: `KeyboardInterrupt`. */
export class InterruptedError extends ManycoreError {}

/** A blocking wait could never end, because only its own thread could end it. Python has no such error: there it hangs. */
export class DeadlockError extends ManycoreError {}

/** The holder of a lock died; what the lock guards may be half done. Python has no such error: there the lock is lost. */
export class OwnerDiedError extends ManycoreError {}

/** The queue has no item. Python: `queue.Empty`. */
export class QueueEmptyError extends ManycoreError {}

/** The queue has no room. Python: `queue.Full`. */
export class QueueFullError extends ManycoreError {}

/** The queue was shut down. Python: `queue.ShutDown`. */
export class QueueShutDownError extends ManycoreError {}

/** The barrier was aborted, or one that waited gave up. Python: `threading.BrokenBarrierError`. */
export class BrokenBarrierError extends ManycoreError {}

/** The other end of a connection is closed, and nothing is left to read. Python: `EOFError`. */
export class EOFError extends ManycoreError {}

/** A manager's server failed while it served this call. Python: `multiprocessing.managers.RemoteError`. */
export class RemoteError extends ManycoreError {}

/** The call was cancelled. Python: `concurrent.futures.CancelledError`. */
export class CancelledError extends ManycoreError {}

/** A future is not in a state that allows this call. Python: `concurrent.futures.InvalidStateError`. */
export class InvalidStateError extends ManycoreError {}

/** A class of this file, seen as one that can be built from a message and details. */
export type ErrorClass = new (message?: string, options?: ErrorDetails & Record<string, unknown>) => ManycoreError;

function nameOf(C: typeof ManycoreError): string {
  return (C.prototype as unknown as { [BRAND]: string })[BRAND];
}

// What all classes inherit.
Object.defineProperties(ManycoreError, {
  code: {
    get(this: typeof ManycoreError): string {
      return codeOf(nameOf(this));
    },
  },
  [Symbol.hasInstance]: {
    value(this: typeof ManycoreError, value: unknown): boolean {
      // A subclass of the user's has no brand of its own: the ordinary test decides.
      if (!Object.hasOwn(this.prototype, BRAND)) return Function.prototype[Symbol.hasInstance].call(this, value);
      if (typeof value !== 'object' || value === null) return false;
      const name = nameOf(this);
      for (let proto = value; proto !== null; proto = Object.getPrototypeOf(proto)) {
        if (isBranded(name, proto)) return true;
      }
      return false;
    },
  },
});

/** Gives a class its brand and `name`; they are spelled out, so that a minifier that renames classes does no harm. */
function brand(name: string, C: typeof ManycoreError): void {
  if (C.name !== name) Object.defineProperty(C, 'name', { value: name, configurable: true });
  Object.defineProperty(C.prototype, 'name', { value: name, writable: true, configurable: true });
  Object.defineProperty(C.prototype, BRAND, { value: name });
}

const classes = {
  ProcessError,
  BufferTooShortError,
  AuthenticationError,
  TimeoutError,
  StateError,
  SerializationError,
  WorkerLostError,
  PoolTerminatedError,
  BrokenPoolError,
  InterruptedError,
  DeadlockError,
  OwnerDiedError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  BrokenBarrierError,
  EOFError,
  RemoteError,
  CancelledError,
  InvalidStateError,
};
brand('ManycoreError', ManycoreError);
for (const [name, C] of Object.entries(classes)) brand(name, C);

/** Every error class of the public API, by name: how an error that crossed a thread gets its class back. */
export const errorClasses: ReadonlyMap<string, ErrorClass> = new Map(
  Object.entries(classes) as unknown as [string, ErrorClass][],
);
