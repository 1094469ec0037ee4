import type { ResourceLimits, SHARE_ENV } from 'node:worker_threads';
import type { AnyFunction } from '../internal/functions/definition.js';
import {
  array,
  type Check,
  environment,
  ofType,
  optionsOf,
  resourceLimits,
  strings,
  time,
} from '../internal/options/checks.js';
import type { StartMethod } from '../internal/self.js';
import { type BoundContext, startMethodOf } from '../internal/start-method.js';
import { type Stdio, stdioOf } from '../internal/stdio.js';

/** What a process is known by when its log file is named. */
export interface ProcessInfo {
  readonly name: string;
  /** The operating system's number of the process that it runs in. */
  readonly pid: number;
  /** Its thread's number; 0 for the main thread of a process of its own. */
  readonly threadId: number;
}

/** What `new Process` takes. Python: the arguments of `multiprocessing.Process`. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` stands for the parameters of every function
export interface ProcessOptions<A extends unknown[] = any[], R = unknown> {
  /**
   * What the process runs: any function that a pool takes. It may be `async`.
   * @default nothing; a subclass overrides `run`
   */
  target?: (...args: A) => R;
  /** The arguments of `target`. They are sent when the process starts. @default [] */
  args?: Readonly<NoInfer<A>>;
  /** @default the name of the class and a number, such as `Process-1`, or `Process-1:2` for the second that this one starts */
  name?: string;
  /**
   * A daemon does not keep Node alive, and ends with its parent.
   * @default that of the process which makes it; false in the main one
   */
  daemon?: boolean;
  /**
   * How it is started: `'thread'`, `'spawn'`, or a `Context`.
   * @default getStartMethod()
   */
  context?: StartMethod | BoundContext;
  /**
   * The time that it may take, in milliseconds from `start()`. Then it is terminated, and killed if it has not ended a
   * second later; `result` rejects with TimeoutError.
   * @default no limit
   */
  timeout?: number;
  /** Memory limits, in MB, as `worker_threads` takes them. */
  resourceLimits?: ResourceLimits;
  /** Its environment variables; for a thread also `SHARE_ENV`. @default a copy of `process.env` */
  env?: NodeJS.Dict<string> | typeof SHARE_ENV;
  /**
   * Node's own flags for it. For child processes those are refused that have Node run something else than the package's
   * program, such as `--eval`.
   * @default those of this process, without those about its own program
   * @example ['--import', './preload.mjs']
   */
  execArgv?: readonly string[];
  /**
   * Where what it prints goes. `'inherit'`: to where this process prints, in whole lines. `'pipe'`: to `process.stdout` and
   * `process.stderr` of the `Process`. A `file` is appended to, in whole lines.
   * @default 'inherit'
   * @example { file: ({ threadId }) => `worker-${threadId}.log` }
   */
  stdio?: Stdio<ProcessInfo>;
}

/** A process's own list of arguments: later changes of the caller's are not seen. */
const copied: Check = (value, name) => [...(array(value, name) as unknown[])];

const checks = {
  target: ofType('function'),
  args: copied,
  name: ofType('string'),
  daemon: ofType('boolean'),
  context: startMethodOf,
  timeout: time,
  resourceLimits,
  env: environment,
  execArgv: strings,
  stdio: stdioOf('process'),
} satisfies Record<keyof ProcessOptions, Check>;

/** The checked options, the context as the name of its start method. */
export interface CheckedOptions extends Omit<ProcessOptions, 'context' | 'target' | 'args'> {
  readonly target?: AnyFunction | undefined;
  readonly args?: readonly unknown[] | undefined;
  readonly context?: StartMethod | undefined;
}

/** Checks what `new Process` was given. Throws TypeError or RangeError that names the option. */
export function processOptions(given: unknown): CheckedOptions {
  return given === undefined ? {} : optionsOf<CheckedOptions>(given, checks);
}
