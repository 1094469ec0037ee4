import { expected } from '../internal/describe.js';
import { type Checks, isObject, ofType, readOptions, signal, time } from '../internal/options/checks.js';

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

const waitChecks: Checks = { timeout: time, signal };
const acquireChecks: Checks = { ...waitChecks, recover: ofType('boolean') };
const none = Object.freeze({});

function read<T extends object>(given: T | undefined, checks: Checks): T {
  if (given === undefined) return none as T;
  if (!isObject(given)) throw new TypeError(expected('options', 'an object such as `{ timeout: 5000 }`', given));
  return readOptions<T>(given, checks);
}

/** Checks the options of a wait. Throws TypeError or RangeError that names the option. */
export const waitOptions = (given: WaitOptions | undefined): WaitOptions => read(given, waitChecks);

/** Checks the options of `acquire`. Throws TypeError or RangeError that names the option. */
export const acquireOptions = (given: AcquireOptions | undefined): AcquireOptions => read(given, acquireChecks);
