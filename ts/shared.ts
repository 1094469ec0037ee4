/**
 * The classes of shared objects. They are bundled apart: an isolate has one copy of them, which the main entry imports
 * and which a worker loads when the first shared object arrives.
 */
export { openBuffer, openHandle, revive } from './shared/objects.js';
