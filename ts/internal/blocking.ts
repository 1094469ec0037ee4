import { DeadlockError } from './errors.js';
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
function isHopeless(block: number): boolean {
  return !callsPending() && native.onlyHere(block);
}

/**
 * Refuses a blocking wait that has no limit and can never end. `why` is the error's text.
 * @throws DeadlockError
 */
export function mustHaveHope(block: number, limits: WaitLimits, why: string): void {
  if (limits.timeout === undefined && isHopeless(block)) throw new DeadlockError(why);
}

/**
 * Blocks this thread until `attempt` answers something other than undefined; undefined: the time is up. What it throws
 * ends the wait. An attempt that answers undefined must have made the isolate known as waiting *before* it looked; `line`
 * is where tasks of this isolate wait for the same object, and `others` says whether any do. When the wait has ended and
 * none do, what it left at the object is taken back, as the line does for its tasks.
 *
 * Meanwhile what this isolate owes others goes on: the calls of its pools, their time limits, Ctrl+C. A signal cannot fire
 * while the thread is blocked: the caller has looked at it.
 */
export function block<T>(
  line: WaitingLine,
  attempt: (others: boolean) => T | undefined,
  limits: WaitLimits,
): T | undefined {
  let value: T | undefined;
  try {
    value = waitFor(line, attempt, limits);
  } finally {
    line.ended(value !== undefined);
  }
  return value;
}

function waitFor<T>(line: WaitingLine, attempt: (others: boolean) => T | undefined, limits: WaitLimits): T | undefined {
  let seen = native.bell();
  let value = attempt(line.length > 0);
  if (value !== undefined) return value;
  if (!line.quiet) endWaitsOnInterrupt();
  const end = performance.now() + (limits.timeout ?? Number.POSITIVE_INFINITY);
  for (;;) {
    const due = pumpAll();
    const left = Math.min(end - performance.now(), due, SLICE_MS);
    checkInterrupts(native.sleep(seen, SPIN_US, Math.max(0, left) * 1000));
    const rung = native.bell();
    if (rung !== seen) passOnOthers(line);
    seen = rung;
    value = attempt(line.length > 0);
    if (value !== undefined) return value;
    if (performance.now() >= end) return undefined;
  }
}
