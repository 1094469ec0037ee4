import { checkInterrupts } from './interrupts.js';
import { native } from './native.js';
import { callsPending, pumpAll } from './runtime.js';
import { endWaitsOnInterrupt, passOnOthers, type WaitingLine, type WaitLimits } from './waiting.js';

/** A wait in native code lasts no longer: deaths that ring nobody are noticed, and a worker can be terminated. */
const SLICE_MS = 50;
/** So long a thread watches the bell before it sleeps. */
const SPIN_US = 20;

/**
 * Whether a wait of this thread for a shared object can never end: no other thread can reach the object, and no call of
 * this isolate's pools is pending, which might bring it to one.
 */
export function isHopeless(block: number): boolean {
  return !callsPending() && native.onlyHere(block);
}

/**
 * Blocks this thread until `attempt` answers something other than undefined; undefined: the time is up. What it throws
 * ends the wait. An attempt that answers undefined must have made the isolate known as waiting *before* it looked.
 *
 * Meanwhile what this isolate owes others goes on: the calls of its pools, their time limits, Ctrl+C. `own` is the line
 * of the same object, if tasks of this isolate may wait in it, too. A signal cannot fire while the thread is blocked: the
 * caller has looked at it.
 */
export function block<T>(attempt: () => T | undefined, limits: WaitLimits, own?: WaitingLine): T | undefined {
  let seen = native.bell();
  let value = attempt();
  if (value !== undefined) return value;
  endWaitsOnInterrupt();
  const end = performance.now() + (limits.timeout ?? Number.POSITIVE_INFINITY);
  for (;;) {
    const due = pumpAll();
    const left = Math.min(end - performance.now(), due, SLICE_MS);
    checkInterrupts(native.sleep(seen, SPIN_US, Math.max(0, left) * 1000));
    const rung = native.bell();
    if (rung !== seen) passOnOthers(own);
    seen = rung;
    value = attempt();
    if (value !== undefined) return value;
    if (performance.now() >= end) return undefined;
  }
}
