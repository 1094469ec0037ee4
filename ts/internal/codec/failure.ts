import { SerializationError } from '../errors.js';
import { describeKind } from './kinds.js';
import { locate, Unsendable } from './path.js';

/** The error for a message that could not be written. The path is found by a second walk: only failures pay for it. */
export function failureOf(
  error: unknown,
  roots: readonly unknown[],
  labelOf: (i: number) => string,
): SerializationError {
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
    const path = labelOf(roots.length - 1);
    return new SerializationError(`Cannot send \`${path}\`: it is nested too deeply`, { path });
  }
  const path = locate(roots, labelOf, error);
  if (!(error instanceof Unsendable)) {
    return new SerializationError(`Cannot send \`${path}\`: reading it failed: ${messageOf(error)}`, {
      path,
      cause: error,
    });
  }
  const { culprit, cause } = error;
  if (cause === undefined) {
    return new SerializationError(`Cannot send \`${path}\`: ${describeKind(culprit)} cannot be cloned`, { path });
  }
  return new SerializationError(`Cannot send \`${path}\` (${describeKind(culprit)}): ${messageOf(cause)}`, {
    path,
    cause,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : describeKind(error);
}
