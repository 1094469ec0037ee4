import { isMainThread } from 'node:worker_threads';
import { StateError } from '../internal/errors.js';
import { loadNative } from '../internal/load-native.js';
import { native } from '../internal/native.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { workerSide } from '../internal/runtime.js';
import type { PoolOptions } from './options.js';

/** Throws StateError where a worker imports a module to find a task, and the module makes a pool. */
export function mustNotBeLoading(): void {
  if (isMainThread || workerSide()?.moduleLoading() !== true) return;
  throw new StateError(
    'A worker is importing this module to find a task, and the module makes a Pool again. Guard the main program:\n\n' +
      "  import { isMainThread } from 'node:worker_threads';\n" +
      '  if (isMainThread) {\n    const pool = new Pool();\n    …\n  }\n\n' +
      'or move the task functions into a module of their own.',
  );
}

/** Pools in workers share the processors: without a number of their own they take what is left, one at least. */
export function withinBudget(
  options: ResolvedPoolOptions,
  given: number | PoolOptions | undefined,
): ResolvedPoolOptions {
  const explicit = typeof given === 'number' || given?.processes !== undefined;
  if (explicit || workerSide() === undefined) return options;
  loadNative();
  const processes = Math.max(1, options.processes - native.workerCount());
  return { ...options, processes, minProcesses: Math.min(options.minProcesses, processes) };
}
