import { loadNative } from '../internal/load-native.js';
import { native } from '../internal/native.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { workerSide } from '../internal/runtime.js';
import type { PoolOptions } from './options.js';

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
