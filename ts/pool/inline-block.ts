import { DeadlockError } from '../internal/errors.js';
import type { InlineEngine } from './inline.js';
import type { InlineCall } from './inline-call.js';

/** Runs tasks right here until `done()`, which `call` makes true. If that cannot be, `call` ends with DeadlockError. */
export function runUntil(done: () => boolean, engine: InlineEngine, call: InlineCall | undefined): void {
  if (call?.fn.isAsync && !done()) call.abort(deadlock(engine, call));
  while (!done()) {
    if (engine.startNext()) continue;
    if (call === undefined || call.ended) throw new DeadlockError('The call has ended without a result');
    // Out of turn: what comes before it is asynchronous, and cannot end while this thread is blocked.
    if (engine.initializer.done && call.startable) call.startNext();
    else if (call.pausing) sleep(engine);
    else call.abort(deadlock(engine, call));
  }
}

/** Until something is due. */
function sleep({ agenda }: InlineEngine): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, agenda.next());
  agenda.poll();
}

function deadlock(engine: InlineEngine, call: InlineCall): DeadlockError {
  let why = 'its function is asynchronous. Call the method without `Sync`';
  if (call.fn.mustImport) {
    why = 'the module of its function has to be imported first. Call it once without `Sync`';
  } else if (!engine.initializer.done && !call.fn.isAsync) {
    why = 'the initializer has not ended. Await `pool.ready()` first';
  }
  return new DeadlockError(
    `Cannot block for a task in the thread that has to run it (the pool's context is 'inline'): ${why}`,
  );
}
