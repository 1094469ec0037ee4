import { Process, type ProcessOptions, type StartMethod } from 'manycore';
import { onTestFinished } from 'vitest';

/** Has a process end with the test that made it. */
export function owned<P extends Process>(made: P): P {
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

/** Makes processes that start by one method, and end with the test that made them. */
export interface Maker {
  make<A extends unknown[], R>(options?: ProcessOptions<A, R>): Process<A, R>;
  /** As `make`, started. */
  start<A extends unknown[], R>(options?: ProcessOptions<A, R>): Process<A, R>;
}

/** What makes processes that start by `context`. */
export const makerOf = (context: StartMethod): Maker => ({
  make: (options) => owned(new Process({ context, ...options })),
  start: (options) => owned(new Process({ context, ...options })).start(),
});

export const methods = ['thread', 'spawn'] as const;
export const { make, start } = makerOf('thread');
