import { AsyncLocalStorage } from 'node:async_hooks';
import { workerSide } from '../internal/runtime.js';

/** What a running task can know about itself, and tell. */
export interface CurrentTask {
  /** Number of the call that this task belongs to, from 1 up, per pool. */
  readonly id: number;
  /** 1 at first; 2 and more after `retries`. */
  readonly attempt: number;
  /** Number of the worker, as in `pool.workers`. */
  readonly workerId: number;
  /** Index of the item within its `map`; 0 for `apply`. */
  readonly index: number;
  /** What the pool's `initializer` returned in this worker. */
  readonly state: unknown;
  /** Aborted when the task timed out or was cancelled. Fires from the worker's event loop. */
  readonly signal: AbortSignal;
  /** Whether the task timed out or was cancelled: true at once, also inside a synchronous loop. */
  cancelled(): boolean;
  /** Sends a value to the caller's `onReport`. */
  report(value: unknown): void;
}

/**
 * The task that is running in this worker, or null outside of one.
 *
 * Beyond Python, which has no counterpart.
 *
 * @example
 * function search(from: number) {
 *   for (let i = from; !currentTask()?.cancelled(); i++) if (isPerfect(i)) return i;
 * }
 */
export function currentTask(): CurrentTask | null {
  return inlineTasks?.getStore() ?? workerSide()?.currentTask() ?? null;
}

let inlineTasks: AsyncLocalStorage<CurrentTask> | undefined;

/** Runs `body`, and what it starts, as the task `task` in this isolate: for pools whose context is `'inline'`. */
export function runAs<R>(task: CurrentTask, body: () => R): R {
  inlineTasks ??= new AsyncLocalStorage();
  return inlineTasks.run(task, body);
}
