import type { AnyFunction } from '../internal/functions/definition.js';
import type { Hold } from './holds.js';
import type { TaskOptions } from './options.js';
import type { Items } from './range-input.js';
import type { RangeSink } from './range-job.js';
import type { PoolStats, WorkerInfo } from './stats.js';

/** A call that is under way. */
export interface Running {
  /** Ends it with `reason`; tasks that run are stopped. */
  abort(reason: unknown): void;
  /** Ends it with `error`, and forgets the tasks that have not started. Those that run are told, and left alone. */
  refuse(error: unknown): void;
}

/** What a pool's methods are made of: tasks in worker threads, or in the calling thread. */
export interface Engine {
  /** Why new work is refused, if it is. */
  refusal(): Error | undefined;
  /** Calls `fn(...args)`. What cannot be sent, or is refused, goes to `reject`. */
  call(
    fn: AnyFunction,
    args: readonly unknown[],
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    options: TaskOptions,
    /** Index of the task within its call, if it is one of many. */
    index?: number,
  ): Running | undefined;
  /** Calls `fn` for each item; `star`: with the item's elements as arguments. */
  range(
    fn: AnyFunction,
    items: Items,
    star: boolean,
    options: TaskOptions,
    sink: RangeSink,
    /** Index of the first item within its call. */
    first?: number,
  ): Running | undefined;
  /**
   * A call that comes back for more is under way: until the answered function is called, workers stay after `close`.
   */
  hold(hold: Hold): () => void;
  /** Blocks the calling thread until `done()`. Throws DeadlockError if that can never be. */
  waitFor(done: () => boolean): void;
  /** Starts the workers that are to be there always; resolves when they are ready. */
  ready(): Promise<void>;
  /** Takes no more work. */
  close(): void;
  readonly closed: boolean;
  /** Ends everything now; resolves when it has ended. */
  terminate(): Promise<void>;
  /** Resolves when all calls are done after `close`, and the workers are gone. */
  ended(): Promise<void>;
  readonly workerInfos: readonly WorkerInfo[];
  /** Tasks that wait or run. */
  readonly pending: number;
  /** What is pending, for people: such as ``apply(`resize`)``, each once. */
  describePending(): readonly string[];
  stats(): PoolStats;
}

/** What happens in an engine that the pool tells its listeners. */
export interface EngineEvents {
  workerStart(worker: WorkerInfo): void;
  workerExit(worker: WorkerInfo, exitCode: number | null): void;
  drain(): void;
  error(error: unknown): void;
}
