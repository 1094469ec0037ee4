import { Control } from '../internal/layout.js';
import { memory } from '../internal/memory.js';

/** What Node's types leave out: its own way out, which ends the thread, and whether `process.exit` was called. */
const node = process as unknown as { reallyExit(code: number): never; readonly _exiting?: boolean };

/**
 * Has `rescue` called before the thread ends by itself, and leaves word of how it ends for the owner, who may be blocked
 * when it wants to know. Without that word, the thread was ended from outside or ran out of memory.
 *
 * A listener of `exit` would not do: if one of the user's throws, those behind it are not called. Such a throw ends the
 * thread all the same: Node does half of its work only once `process.exit` was called.
 */
export function watchEnd(control: number, rescue: () => void, threw: (error: unknown) => void): void {
  const { reallyExit } = node;
  node.reallyExit = (code) => {
    try {
      rescue();
    } catch {
      // What could not be published runs again.
    }
    memory.i32[control / 4 + Control.exitCode] = code;
    memory.u32[control / 4 + Control.exited] = 1;
    return reallyExit.call(process, code);
  };
  const { exit } = process;
  process.exit = (code) => {
    try {
      return exit.call(process, code);
    } catch (error) {
      if (!node._exiting) throw error;
      threw(error);
      // The listeners have been called; this time it ends.
      return exit.call(process, code);
    }
  };
  process.on('uncaughtExceptionMonitor', (error) => {
    const caught = process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (!caught) threw(error);
  });
}
