import { TimeoutError } from '../internal/errors.js';

/** The error of those waits that cannot answer false. `what` is the name of what was waited for: `The lock`. */
export const notInTime = (what: string): TimeoutError => new TimeoutError(`${what} was not free in time`);
