import { Process, type ProcessOptions } from 'manycore';
import { onTestFinished } from 'vitest';

/** Has a process end with the test that made it. */
export function owned<P extends Process>(made: P): P {
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

/** A process that ends with the test that made it. */
export const make = <A extends unknown[], R>(options?: ProcessOptions<A, R>): Process<A, R> =>
  owned(new Process(options));

/** As {@link make}, started. */
export const start = <A extends unknown[], R>(options?: ProcessOptions<A, R>): Process<A, R> => make(options).start();
