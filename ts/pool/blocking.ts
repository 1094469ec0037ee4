import { checkInterrupts } from '../internal/interrupts.js';
import type { Core } from './core.js';
import { inbox } from './inbox.js';

/** How long a blocked owner spins before it sleeps, in microseconds. */
const SPIN_US = 100;
/** A blocked owner looks up this often, in milliseconds. */
const SLICE_MS = 50;

/** Blocks until `done()`; time limits, deaths, messages and Ctrl+C are looked after meanwhile. */
export function waitFor(core: Core, done: () => boolean): void {
  const outer = core.blocking;
  core.blocking = true;
  // Short at first: what workers send through their ports is found between the slices only.
  let slice = 1;
  try {
    while (!done()) {
      core.dispatch.flush();
      checkInterrupts(inbox.wait(SPIN_US, Math.min(slice, core.agenda.next())));
      slice = Math.min(slice * 2, SLICE_MS);
      if (done()) return;
      poll(core);
    }
  } finally {
    core.blocking = outer;
  }
}

/** Does what an event loop would have done. */
export function poll(core: Core): void {
  core.agenda.poll();
  core.workers.poll();
}
