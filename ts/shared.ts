/**
 * The classes of shared objects. They are bundled apart: an isolate has one copy of them, which the main entry imports
 * and which a worker loads when the first shared object arrives.
 */

export { openBuffer, openHandle, revive } from './shared/objects.js';
export type { Guard, RGuard } from './sync/guard.js';
export { Lock } from './sync/lock.js';
export type { AcquireOptions } from './sync/options.js';
export { RLock } from './sync/rlock.js';
