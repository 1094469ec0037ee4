import type {
  AsyncTaskOptions,
  ContextName,
  PoolOptions,
  RestartLimit,
  TaskLimits,
  TaskOptions,
  WaitOptions,
} from '../pool/options.js';
import type { WorkerInfo } from '../pool/stats.js';
import { cpuCount } from './cpu.js';
import { expected } from './describe.js';
import { mustRunProgram } from './exec-argv.js';
import type { AnyFunction } from './functions/definition.js';
import { MAX_CONCURRENCY } from './layout.js';
import {
  array,
  type Check,
  environment,
  functionOr,
  integerFrom,
  integerWithin,
  isObject,
  object,
  ofType,
  oneOf,
  optionsOf,
  readOptions,
  resourceLimits,
  signal,
  strings,
  time,
  WAIT_OPTIONS,
  waitChecks,
} from './options/checks.js';
import { transferables } from './options/transferables.js';
import { self } from './self.js';
import { startMethodOf } from './start-method.js';
import { type Stdio, stdioOf } from './stdio.js';

/** A pool's options with every default filled in. A limit that is not set is Infinity. */
export interface ResolvedPoolOptions {
  readonly processes: number;
  readonly minProcesses: number;
  readonly idleTimeout: number;
  readonly initializer: AnyFunction | undefined;
  readonly initArgs: readonly unknown[];
  readonly maxTasksPerChild: number;
  readonly context: ContextName;
  readonly concurrency: number;
  readonly timeout: number;
  readonly grace: number;
  readonly retries: number;
  readonly retryOn: ((error: Error) => boolean) | undefined;
  readonly backoff: number | ((attempt: number) => number);
  readonly maxRestarts: Readonly<RestartLimit>;
  readonly maxPending: number;
  readonly whenFull: 'wait' | 'reject';
  readonly resourceLimits: PoolOptions['resourceLimits'];
  readonly env: PoolOptions['env'];
  readonly execArgv: readonly string[] | undefined;
  readonly argv: readonly string[] | undefined;
  readonly name: string | undefined;
  /** In bytes. */
  readonly maxMemoryPerWorker: number;
  readonly cpus: readonly number[] | undefined;
  readonly stdio: Stdio<WorkerInfo>;
}

const contextName: Check = (value, name) => startMethodOf(value, name, ['inline']);

/** A list of CPUs. Later changes of the caller's are not seen. */
const cpus: Check = (value, name) => {
  const list = [...(array(value, name) as unknown[])];
  if (list.length === 0) throw new RangeError(expected(name, 'a list of at least one CPU', value));
  for (const [i, cpu] of list.entries()) integerFrom(0)(cpu, `${name}[${i}]`);
  return list;
};

/** What the tables of the core have room for: isolates, one of which makes the pool, and child processes, likewise. */
const MOST_THREADS = 1023;
const MOST_CHILDREN = 255;

const limitChecks = {
  timeout: time,
  grace: time,
  retries: integerFrom(0, true),
  retryOn: ofType('function'),
  backoff: functionOr(time, 'a number of milliseconds'),
  concurrency: integerWithin(1, MAX_CONCURRENCY),
} satisfies Record<keyof TaskLimits, Check>;

const poolChecks = {
  ...limitChecks,
  processes: integerWithin(1, MOST_THREADS),
  minProcesses: integerFrom(0),
  idleTimeout: time,
  initializer: ofType('function'),
  initArgs: array,
  maxTasksPerChild: integerFrom(1),
  context: contextName,
  maxRestarts: object({ count: integerFrom(0, true), within: time }),
  maxPending: integerFrom(1),
  whenFull: oneOf('wait', 'reject'),
  resourceLimits,
  env: environment,
  execArgv: strings,
  argv: strings,
  name: ofType('string'),
  maxMemoryPerWorker: integerFrom(1, true),
  cpus,
  stdio: stdioOf('worker'),
} satisfies Record<keyof PoolOptions, Check>;

const taskChecks = {
  ...limitChecks,
  chunkSize: integerFrom(1),
  bufferSize: integerFrom(1),
  signal,
  failFast: ofType('boolean'),
  settled: ofType('boolean'),
  progress: functionOr(ofType('boolean'), 'a boolean'),
  onReport: ofType('function'),
  transfer: transferables,
} satisfies Record<keyof TaskOptions, Check>;

const callbackChecks = {
  callback: ofType('function'),
  errorCallback: ofType('function'),
} satisfies Record<Exclude<keyof AsyncTaskOptions, keyof TaskOptions>, Check>;

/**
 * Checks what `new Pool` was given (a number is `processes`) and fills in the defaults.
 * Throws TypeError or RangeError that names the option.
 */
export function poolOptions(given?: number | PoolOptions): ResolvedPoolOptions {
  const options = poolObject(given);
  const context = (options.context as ContextName | undefined) ?? self().method;
  const most = context === 'spawn' ? MOST_CHILDREN : MOST_THREADS;
  const processes = options.processes ?? Math.min(cpuCount(), most);
  if (processes > most) {
    throw new RangeError(
      expected('processes', `at most ${most}, which is as many as there can be child processes`, processes),
    );
  }
  // One that is given alone implies the other: without it, it would change nothing.
  const minProcesses = options.minProcesses ?? (options.idleTimeout === undefined ? processes : 0);
  if (minProcesses > processes) {
    throw new RangeError(expected('minProcesses', `at most \`processes\` (${processes})`, minProcesses));
  }
  if (context === 'spawn') mustRunProgram(options.execArgv);
  const idleTimeout = minProcesses < processes ? 10_000 : Number.POSITIVE_INFINITY;
  return {
    processes,
    minProcesses,
    idleTimeout: options.idleTimeout ?? idleTimeout,
    initializer: options.initializer,
    initArgs: options.initArgs ?? [],
    maxTasksPerChild: options.maxTasksPerChild ?? Number.POSITIVE_INFINITY,
    context,
    concurrency: options.concurrency ?? 1,
    timeout: options.timeout ?? Number.POSITIVE_INFINITY,
    grace: options.grace ?? 100,
    retries: options.retries ?? 0,
    retryOn: options.retryOn,
    backoff: options.backoff ?? 0,
    maxRestarts: { count: 10, within: 60_000, ...options.maxRestarts },
    maxPending: options.maxPending ?? Number.POSITIVE_INFINITY,
    whenFull: options.whenFull ?? 'wait',
    resourceLimits: options.resourceLimits,
    env: options.env,
    execArgv: options.execArgv,
    argv: options.argv,
    name: options.name,
    maxMemoryPerWorker: options.maxMemoryPerWorker ?? Number.POSITIVE_INFINITY,
    cpus: options.cpus,
    stdio: options.stdio ?? 'inherit',
  };
}

/** @throws TypeError for what follows the options: Python's arguments by position would be passed over in silence */
export function mustBeAlone(surplus: readonly unknown[]): void {
  if (surplus.every((value) => value === undefined)) return;
  throw new TypeError(
    'A Pool takes one argument, a number or an object: `new Pool({ processes, initializer, initArgs })`',
  );
}

function poolObject(given: number | PoolOptions | undefined): PoolOptions {
  if (given === undefined) return readOptions({}, poolChecks);
  if (typeof given === 'number') return readOptions({ processes: given }, poolChecks);
  if (!isObject(given)) throw new TypeError(expected('options', 'a number of processes or an object', given));
  return readOptions(given, poolChecks, { checks: taskChecks, where: 'a call such as `map`, not of the pool' });
}

/** The options of a call that was given none. */
export const noTaskOptions: AsyncTaskOptions<never> & AsyncTaskOptions = Object.freeze(shaped(Object.create(null)));

/**
 * Checks the options of one call (a number is `chunkSize`). `method` is the name of the called method; only those that
 * end in `Async` take callbacks. What it gives has every property, as its own. Throws TypeError or RangeError that
 * names the option.
 */
export function taskOptions<R = unknown>(
  given: AsyncTaskOptions<R> | number | undefined,
  method: string,
): AsyncTaskOptions<R> {
  return given === undefined ? noTaskOptions : shaped(checkedTaskOptions(given, method));
}

function checkedTaskOptions<R>(given: AsyncTaskOptions<R> | number, method: string): AsyncTaskOptions<R> {
  const single = method.startsWith('apply');
  if (typeof given === 'number' && !single) return readOptions({ chunkSize: given }, taskChecks);
  if (!isObject(given)) {
    throw new TypeError(expected('options', single ? 'an object' : 'a chunk size or an object', given));
  }
  const pool = { checks: poolChecks, where: 'the pool' };
  if (method.endsWith('Async')) return readOptions(given, { ...taskChecks, ...callbackChecks }, pool);
  const name = Object.keys(given).find((key) => Object.hasOwn(callbackChecks, key));
  if (name !== undefined) {
    const takers = '`applyAsync`, `mapAsync` and `starmapAsync`';
    throw new TypeError(`Unknown option \`${name}\` of \`${method}\`; it is an option of ${takers}`);
  }
  return readOptions(given, taskChecks, pool);
}

/** The same options in one shape, with no property left to a prototype. */
function shaped<R>(options: AsyncTaskOptions<R>): AsyncTaskOptions<R> {
  return {
    timeout: options.timeout,
    grace: options.grace,
    retries: options.retries,
    retryOn: options.retryOn,
    backoff: options.backoff,
    concurrency: options.concurrency,
    chunkSize: options.chunkSize,
    bufferSize: options.bufferSize,
    signal: options.signal,
    failFast: options.failFast,
    settled: options.settled,
    progress: options.progress,
    onReport: options.onReport,
    transfer: options.transfer,
    callback: options.callback,
    errorCallback: options.errorCallback,
  } satisfies Record<keyof AsyncTaskOptions, unknown>;
}

/** The options of a wait; without a `timeout` it is Infinity. */
export interface ResolvedWaitOptions {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

const forEver: ResolvedWaitOptions = Object.freeze({
  timeout: Number.POSITIVE_INFINITY,
  signal: undefined,
});

/** Checks the options of a wait, such as `result.get()`. Throws TypeError or RangeError that names the option. */
export function waitOptions(given: WaitOptions | undefined): ResolvedWaitOptions {
  if (given === undefined) return forEver;
  const options = optionsOf<WaitOptions>(given, waitChecks satisfies Record<keyof WaitOptions, Check>, WAIT_OPTIONS);
  return { timeout: options.timeout ?? Number.POSITIVE_INFINITY, signal: options.signal };
}
