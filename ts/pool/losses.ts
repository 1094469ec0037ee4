import { WorkerLostError } from '../internal/errors.js';
import type { Core } from './core.js';
import { describeEnding, type Ending } from './worker-handle.js';

/**
 * The error of a task whose worker died: given to `mourn` as soon as it is known why. While the owner blocks, no event
 * of the thread arrives, and what is known now has to do.
 */
export function whenLost(
  core: Core,
  task: { readonly seat: number; readonly index: number; readonly attempt: number },
  mourn: (error: WorkerLostError) => void,
): void {
  const worker = core.workers.at(task.seat);
  const tell = (ending: Ending) => mourn(lostError(task, ending));
  if (worker === undefined) {
    tell({ exitCode: null, reason: 'it ended', error: undefined });
    return;
  }
  worker.hadTasks = true;
  if (worker.ending !== undefined) tell(worker.ending);
  else if (core.blocking) {
    core.workers.receive(worker);
    tell(worker.describeEnd(null));
  } else worker.mourners.push(tell);
}

function lostError(task: { seat: number; index: number; attempt: number }, ending: Ending): WorkerLostError {
  const workerId = task.seat + 1;
  return new WorkerLostError(`Worker ${workerId} was lost while it ran the task: ${describeEnding(ending)}`, {
    exitCode: ending.exitCode,
    ...(ending.signal === undefined ? {} : { signal: ending.signal }),
    reason: ending.reason,
    workerId,
    index: task.index,
    attempt: task.attempt,
    ...(ending.error === undefined ? {} : { cause: ending.error }),
  });
}
