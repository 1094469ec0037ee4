import type { CurrentTask } from '../pool/current-task.js';
import { memory } from './memory.js';
import { native, nativePath } from './native.js';

/** What all modules of one isolate share that use the same addon: its attachment, and who wants to be woken. */
interface Runtime {
  context: number;
  readonly wakers: Array<() => void>;
  /** What this isolate has to do while it blocks; each answers in how many milliseconds it wants to be called again. */
  readonly pumps: Set<() => number>;
}

const runtimeKey = (): symbol => Symbol.for(`manycore.runtime:${nativePath}`);
const scope = globalThis as { [key: symbol]: Runtime | undefined };

/** Has `pump` called while this isolate blocks in a wait of its own. Answers a function that forgets it. */
export function addPump(pump: () => number): () => void {
  const pumps = scope[runtimeKey()]?.pumps;
  pumps?.add(pump);
  return () => pumps?.delete(pump);
}

/** Does what this isolate has to do while it blocks. Answers in how many milliseconds there is more to do. */
export function pumpAll(): number {
  let next = Number.POSITIVE_INFINITY;
  for (const pump of scope[runtimeKey()]?.pumps ?? []) next = Math.min(next, pump());
  return next;
}

/**
 * Attaches this isolate to the region (once), and has `waker` called on its event loop whenever there is something to
 * look at. A worker's own loop and the pools that user code makes in that worker share one attachment.
 */
export function attach(waker: () => void): number {
  const key = runtimeKey();
  let runtime = scope[key];
  if (runtime === undefined) {
    const made: Runtime = { context: 0, wakers: [], pumps: new Set() };
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
