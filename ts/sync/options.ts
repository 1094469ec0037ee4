import { type Checks, ofType, optionsOf, WAIT_OPTIONS, waitChecks } from '../internal/options/checks.js';
import type { WaitOptions } from '../pool/options.js';

/** How to acquire a lock. */
export interface AcquireOptions extends WaitOptions {
  /**
   * Take the lock also if its holder has died. Then {@link Lock.recovered} is true, and what the lock guards may be half
   * done: mend it. Without it, acquiring such a lock fails with {@link OwnerDiedError}.
   * @default false
   */
  recover?: boolean;
}

const acquireChecks: Checks = { ...waitChecks, recover: ofType('boolean') };
const none = Object.freeze({});

/** Checks the options of a wait. Throws TypeError or RangeError that names the option. */
export function waitOptions(given: WaitOptions | undefined): WaitOptions {
  return given === undefined ? none : optionsOf(given, waitChecks, WAIT_OPTIONS);
}

/** As {@link waitOptions}, for a wait that begins now: throws the signal's reason if it has fired. */
export function startWait(given: WaitOptions | undefined): WaitOptions {
  const limits = waitOptions(given);
  limits.signal?.throwIfAborted();
  return limits;
}

/** Checks the options of `acquire`. Throws TypeError or RangeError that names the option. */
export function acquireOptions(given: AcquireOptions | undefined): AcquireOptions {
  return given === undefined ? none : optionsOf(given, acquireChecks, WAIT_OPTIONS);
}
