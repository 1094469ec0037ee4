import type { EventEmitter } from 'node:events';
import type { EngineEvents } from './engine.js';
import { outside } from './outside.js';
import type { WorkerInfo } from './stats.js';

/** What a pool tells its listeners. */
export interface PoolEvents {
  /** A worker is ready. */
  workerStart: [worker: WorkerInfo];
  /** A worker's thread has ended. */
  workerExit: [worker: WorkerInfo, exitCode: number | null];
  /** No call is pending any more. */
  drain: [];
  /**
   * What a worker threw outside any task; what keeps worker after worker from starting, once. Without a listener it is
   * printed; it is never fatal.
   */
  error: [error: Error];
}

/** Tells a pool's listeners what happens in its engine. */
export function tellListeners(pool: EventEmitter<PoolEvents>): EngineEvents {
  return {
    workerStart: (worker) => outside(() => pool.emit('workerStart', worker)),
    workerExit: (worker, exitCode) => outside(() => pool.emit('workerExit', worker, exitCode)),
    drain: () => outside(() => pool.emit('drain')),
    error: (error) => outside(() => tellError(pool, error)),
  };
}

function tellError(pool: EventEmitter<PoolEvents>, error: unknown): void {
  const thrown = error instanceof Error ? error : new Error(`A worker threw ${String(error)}`, { cause: error });
  if (pool.listenerCount('error') > 0) pool.emit('error', thrown);
  else console.error('manycore: a worker threw outside any task:', thrown);
}
