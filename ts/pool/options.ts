import type { MessagePort, ResourceLimits, SHARE_ENV } from 'node:worker_threads';
import type { AnyFunction } from '../internal/functions/definition.js';
import type { StartMethod } from '../internal/self.js';
import type { BoundContext } from '../internal/start-method.js';
import type { Stdio } from '../internal/stdio.js';
import type { WorkerInfo } from './stats.js';

/** How a pool runs its tasks: in worker threads or child processes, or in the calling thread, for debugging and tests. */
export type ContextName = StartMethod | 'inline';

/** What can be moved to another thread instead of being copied. */
export type Transferable = NonNullable<Parameters<MessagePort['postMessage']>[1]>[number];

/** Options that a pool gives to all of its tasks, and a call to its own. A *task* is one call of the user's function. */
export interface TaskLimits {
  /**
   * The time that one task may take, in milliseconds from its start. Then it rejects with TimeoutError.
   * @default no limit
   * @example 5000
   */
  timeout?: number;
  /**
   * The time that a task has to stop by itself after a timeout or an abort, in milliseconds. If it still runs then, its
   * worker is replaced.
   * @default 100
   */
  grace?: number;
  /**
   * How often a task is run again that threw, timed out, or lost its worker. When a task runs again without having been
   * retried, see the guarantees in the README.
   * @default 0
   * @example 3
   */
  retries?: number;
  /**
   * Which errors are worth another attempt.
   * @default all
   * @example (error) => error.code === 'ECONNRESET'
   */
  retryOn?: (error: Error) => boolean;
  /**
   * The pause before another attempt, in milliseconds; or a function of the attempt that failed, from 1.
   * @default 0
   * @example (attempt) => 100 * 2 ** attempt
   */
  backoff?: number | ((attempt: number) => number);
  /**
   * How many async tasks one worker runs at the same time, up to 4095. A call can ask for more than its pool, up to 256.
   * @default 1
   * @example 16
   */
  concurrency?: number;
}

/** A limit on how often workers may die: `count` times `within` so many milliseconds. */
export interface RestartLimit {
  /** How many restarts are allowed. @default 10 */
  count: number;
  /** In which time, in milliseconds. @default 60_000 */
  within: number;
}

/** What `new Pool` takes. Python: the arguments of `multiprocessing.Pool`. */
export interface PoolOptions extends TaskLimits {
  /**
   * The number of workers, up to 1023; of child processes, up to 255. They start at the first call, as many as it has tasks,
   * and the others a tenth of a second later, or with more tasks; or all of them at `ready()`.
   * @default cpuCount()
   * @example 4
   *
   * Python: `processes`.
   */
  processes?: number;
  /**
   * The number of workers that stay when there is nothing to do: the pool grows on demand up to `processes`.
   * @default `processes`; 0 if `idleTimeout` is given
   */
  minProcesses?: number;
  /**
   * How long a worker above `minProcesses` stays without work, in milliseconds.
   * @default 10_000 if `minProcesses` is given; otherwise workers stay for ever
   */
  idleTimeout?: number;
  /**
   * Runs once in each worker, before its first task. What it returns is `currentTask().state`. If it fails, every call
   * rejects with its error.
   * @example (url) => connect(url)
   *
   * Python: `initializer`.
   */
  initializer?: AnyFunction;
  /** The arguments of `initializer`. Python: `initargs`. @default [] */
  initArgs?: readonly unknown[];
  /**
   * The number of tasks after which a worker is replaced by a fresh one.
   * @default no limit
   *
   * Python: `maxtasksperchild`.
   */
  maxTasksPerChild?: number;
  /**
   * `'thread'`: worker threads. `'spawn'`: child processes, which share the same memory, and whose crashes touch nobody
   * else. `'inline'`: the tasks run in the calling thread. A `Context` stands for its start method.
   * @default getStartMethod()
   *
   * Python: `context`.
   */
  context?: ContextName | BoundContext;
  /**
   * How often workers may die by themselves before the pool gives up (BrokenPoolError).
   * @default { count: 10, within: 60_000 }
   */
  maxRestarts?: Partial<RestartLimit>;
  /** How many tasks may wait or run; each item of a `map` is one. @default no limit */
  maxPending?: number;
  /**
   * What a call does when `maxPending` is reached: it waits, or it rejects with QueueFullError.
   *
   * A `map` comes with all of its items at once. One that is larger than `maxPending` waits until it is alone, and then
   * runs; with `'reject'` it is always rejected. `imap`, and `map` over a source without a length, come with one item
   * after the other; with `'reject'` they read at most `maxPending` items ahead, and only an item that finds the pool full
   * of other calls' tasks gets the error.
   * @default 'wait'
   */
  whenFull?: 'wait' | 'reject';
  /** Memory limits of each worker, in MB, as `worker_threads` takes them. */
  resourceLimits?: ResourceLimits;
  /** The workers' environment variables, or `SHARE_ENV`. @default a copy of `process.env` */
  env?: NodeJS.Dict<string> | typeof SHARE_ENV;
  /**
   * Node's own flags for the workers. For child processes those are refused that have Node run something else than the package's
   * program, such as `--eval`.
   * @default those of this process, without those about its own program
   * @example ['--import', './preload.mjs']
   */
  execArgv?: readonly string[];
  /** What the workers see in `process.argv` after the script. */
  argv?: readonly string[];
  /**
   * The name of the pool, which its workers' names begin with: `currentProcess().name`, and what a debugger calls the
   * threads.
   * @default 'PoolWorker'
   * @example 'thumbnails'
   */
  name?: string;
  /**
   * A worker that has more memory in use after a task, in bytes, takes no other: its replacement starts, and it ends. That
   * is no restart. What counts, in a thread, is what its JavaScript has in use, garbage not counted: its heap, and the array
   * buffers that it made; in a child process all that it has of the system's memory and does not share. To stop a task that takes too much is what `resourceLimits` are for.
   * @default no limit
   * @example 512 * 1024 * 1024
   */
  maxMemoryPerWorker?: number;
  /**
   * The CPUs that the workers run on: each on one of them, in this order, and again from the first; a replacement on that
   * of the worker whose place it takes. Only CPUs that this process may use.
   * @default wherever the system has them run
   * @example [0, 2, 4, 6]
   */
  cpus?: readonly number[];
  /**
   * Where what the workers print goes. `'inherit'`: to where this process prints. `'pipe'`: to `stdout` and `stderr` of the
   * {@link WorkerInfo}, which are to be read: what nobody reads stays in memory. A `file` is appended to. In whole lines
   * always, and before the results of the tasks that print them.
   * @default 'inherit'
   * @example { file: ({ id }) => `worker-${id}.log` }
   */
  stdio?: Stdio<WorkerInfo>;
}

/** How far a call has come. */
export interface Progress {
  /** How many tasks are done, failed ones too. */
  readonly done: number;
  /** How many of them failed. */
  readonly failed: number;
  /** How many tasks there are; `undefined` while the source has not ended. */
  readonly total: number | undefined;
  /** The time since the call, in milliseconds. */
  readonly elapsed: number;
  /** The estimated time that it still takes, in milliseconds; `undefined` if it cannot be told. */
  readonly remaining: number | undefined;
}

/** What one call of a pool's method takes. */
export interface TaskOptions extends TaskLimits {
  /**
   * How many items go to a worker at a time. Without it ranges of items split themselves as workers run dry, and
   * nothing needs tuning. Short items are taken some at a time then: those that wait for one another need 1.
   * @example 100
   *
   * Python: `chunksize`.
   */
  chunkSize?: number;
  /**
   * How many items are taken from the source ahead of the results that were read.
   * @default enough for two rounds of all workers
   *
   * Python: `buffersize`.
   */
  bufferSize?: number;
  /**
   * Ends the call: it rejects with `signal.reason`. A `*Sync` call blocks its thread, so nothing that this thread does
   * later can abort it, the timer of `AbortSignal.timeout()` neither.
   * @example AbortSignal.timeout(60_000)
   */
  signal?: AbortSignal;
  /** Reject at the first error, and drop the tasks that have not started. @default false */
  failFast?: boolean;
  /** Give every result as `Promise.allSettled` does; then no task's error rejects the call. @default false */
  settled?: boolean;
  /** `true` shows a bar on a terminal and plain lines elsewhere; a function is called as tasks are done. @default false */
  progress?: boolean | ((progress: Progress) => void);
  /** Receives what tasks give to `currentTask().report(value)`, with the index of the task. */
  onReport?: (value: unknown, index: number) => void;
  /** What is moved to the worker instead of being copied, and is unusable here afterwards. */
  transfer?: readonly Transferable[];
}

/**
 * What the `*Async` methods take: {@link TaskOptions} and callbacks. One that throws becomes the result's rejection. So does
 * a promise of one that rejects: the result is settled when the promise is.
 */
export interface AsyncTaskOptions<R = unknown> extends TaskOptions {
  /** Is called with the result. Python: `callback`. */
  callback?: (value: R) => void;
  /** Is called with the error. Python: `error_callback`. */
  // biome-ignore lint/suspicious/noExplicitAny: what was thrown may be anything, and callers say what they expect
  errorCallback?: (error: any) => void;
}

/** What a wait takes, such as `result.get()` or `pool.join()`. */
export interface WaitOptions {
  /** How long to wait, in milliseconds; then TimeoutError. @default for ever @example 5000 */
  timeout?: number;
  /** Ends the wait, not what is waited for: it rejects with `signal.reason`. */
  signal?: AbortSignal;
}
