import type { CurrentTask } from '../pool/current-task.js';
import { keep, kept } from './isolate.js';
import { memory } from './memory.js';
import { native, nativePath } from './native.js';

/** What an isolate's pools do while it blocks in a wait that is not theirs. */
export interface Pump {
  /** Does what is due. Answers in how many milliseconds it wants to be called again. */
  pump(): number;
  /** Whether calls are pending. */
  busy(): boolean;
}

/** What all modules of one isolate share that use the same addon: its attachment, and who wants to be woken. */
interface Runtime {
  context: number;
  readonly wakers: Array<() => void>;
  /** What this isolate has to do while it blocks. */
  readonly pumps: Set<Pump>;
}

const runtimeName = (): string => `runtime:${nativePath}`;
const pumps = (): Iterable<Pump> => kept<Runtime>(runtimeName())?.pumps ?? [];

/** Has `pump` called while this isolate blocks in a wait of its own. */
export function addPump(pump: Pump): void {
  kept<Runtime>(runtimeName())?.pumps.add(pump);
}

/** Does what this isolate has to do while it blocks. Answers in how many milliseconds there is more to do. */
export function pumpAll(): number {
  let next = Number.POSITIVE_INFINITY;
  for (const pump of pumps()) next = Math.min(next, pump.pump());
  return next;
}

/** Whether pools of this isolate have calls pending, which may be on their way to workers. */
export function callsPending(): boolean {
  for (const pump of pumps()) if (pump.busy()) return true;
  return false;
}

/**
 * Attaches this isolate to the region (once), and has `waker` called on its event loop whenever there is something to
 * look at. A worker's own loop and the pools that user code makes in that worker share one attachment.
 */
export function attach(waker: () => void): number {
  let runtime = kept<Runtime>(runtimeName());
  if (runtime === undefined) {
    const made: Runtime = { context: 0, wakers: [], pumps: new Set() };
    made.context = native.attach(() => {
      for (const wake of made.wakers) wake();
    });
    runtime = keep(runtimeName(), made);
  }
  runtime.wakers.push(waker);
  memory.refresh();
  return runtime.context;
}

/** What a pool's worker offers to every copy of the package that user code imports in it. */
export interface WorkerSide {
  currentTask(): CurrentTask | null;
  readonly workerId: number;
}

/** Makes this isolate known as a pool's worker. */
export function announceWorker(side: WorkerSide): void {
  keep('worker', side);
}

/** The pool's worker that this isolate is, if it is one. */
export function workerSide(): WorkerSide | undefined {
  return kept<WorkerSide>('worker');
}
