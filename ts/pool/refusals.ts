import { StateError } from '../internal/errors.js';

/** What a pool answers that takes no more work. */
export const notRunning = (): Error => new StateError('Pool not running');

/**
 * Gives the same error for each of many calls that end together. The place where that happens is the same for all, and
 * not worth a stack trace each: only the first has one.
 */
export function forMany(error: () => Error): () => Error {
  let first = true;
  return () => {
    if (!first) return withoutStack(error);
    first = false;
    return error();
  };
}

function withoutStack(error: () => Error): Error {
  if (Object.isFrozen(Error)) return error();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return error();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
