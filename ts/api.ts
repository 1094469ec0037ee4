export { type RegisterClassOptions, registerClass } from './internal/codec/index.js';
export { cpuCount } from './internal/cpu.js';
export * from './internal/errors.js';
export type { AnyFunction } from './internal/functions/definition.js';
export { isTask, type TaskFunction, type Tasks, task, tasks } from './internal/functions/task.js';
export { getLogger, type Logger, type LogLevel, logToStderr } from './internal/logging.js';
export type { StartMethod } from './internal/self.js';
export { AsyncResult } from './pool/async-result.js';
export { type CurrentTask, currentTask } from './pool/current-task.js';
export { apply, imap, imapUnordered, map, starmap } from './pool/default-pool.js';
export type { PoolEvents } from './pool/events.js';
export type { ImapIterator } from './pool/imap.js';
export type {
  AsyncTaskOptions,
  ContextName,
  PoolOptions,
  Progress,
  RestartLimit,
  TaskLimits,
  TaskOptions,
  Transferable,
  WaitOptions,
} from './pool/options.js';
export { Pool } from './pool/pool.js';
export type { Source } from './pool/sources.js';
export type { Percentiles, PoolStats, SlowTask, WorkerInfo, WorkerStats } from './pool/stats.js';
export { getAllStartMethods, getStartMethod, setStartMethod } from './process/start-methods.js';
export { type Range, range } from './range.js';
export {
  type AcquireOptions,
  Array,
  type ArrayCode,
  activeChildren,
  Barrier,
  type BarrierOptions,
  BoundedSemaphore,
  type BytesLike,
  Condition,
  Connection,
  currentProcess,
  type Element,
  Event,
  type Guard,
  JoinableQueue,
  Lock,
  ParentProcess,
  Pipe,
  type PlainArray,
  Process,
  type ProcessInfo,
  type ProcessOptions,
  parentProcess,
  Queue,
  type QueueOptions,
  RawArray,
  RawValue,
  type RGuard,
  RLock,
  Semaphore,
  SharedArray,
  type SharedOptions,
  SimpleQueue,
  type Stdio,
  type StructCode,
  Thread,
  type TypeCode,
  Value,
  type Waitable,
  wait,
} from './shared.js';
export { transfer } from './transfer.js';
