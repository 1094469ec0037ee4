import type { CurrentTask } from '../pool/current-task.js';
import { memory } from './memory.js';
import { native, nativePath } from './native.js';

/** What all modules of one isolate share that use the same addon: its attachment, and who wants to be woken. */
interface Runtime {
  context: number;
  readonly wakers: Array<() => void>;
}

/**
 * Attaches this isolate to the region (once), and has `waker` called on its event loop whenever there is something to
 * look at. A worker's own loop and the pools that user code makes in that worker share one attachment.
 */
export function attach(waker: () => void): number {
  const key = Symbol.for(`manycore.runtime:${nativePath}`);
  const scope = globalThis as { [key: symbol]: Runtime | undefined };
  let runtime = scope[key];
  if (runtime === undefined) {
    const made: Runtime = { context: 0, wakers: [] };
    made.context = native.attach(() => {
      for (const wake of made.wakers) wake();
    });
    Object.defineProperty(globalThis, key, { value: made });
    runtime = made;
  }
  runtime.wakers.push(waker);
  memory.refresh();
  return runtime.context;
}

/** What a pool's worker offers to every copy of the package that user code imports in it. */
export interface WorkerSide {
  currentTask(): CurrentTask | null;
  /** True while the top level of a task module is being evaluated. */
  moduleLoading(): boolean;
  readonly workerId: number;
}

const workerKey = Symbol.for('manycore.worker');

/** Makes this isolate known as a pool's worker. */
export function announceWorker(side: WorkerSide): void {
  Object.defineProperty(globalThis, workerKey, { value: side });
}

/** The pool's worker that this isolate is, if it is one. */
export function workerSide(): WorkerSide | undefined {
  return (globalThis as { [key: symbol]: WorkerSide | undefined })[workerKey];
}
