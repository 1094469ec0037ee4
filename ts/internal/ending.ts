/** What Node's types leave out: its own way out, which ends the thread, and whether `process.exit` was called. */
const node = process as unknown as { reallyExit(code: number): never; readonly _exiting?: boolean };

/** What is to be done about the end of this isolate. */
export interface EndWatcher {
  /** It ends by itself, with this code. What this throws changes nothing. */
  left(code: number): void;
  /** It ends with an error that nobody caught. `exiting`: while it was ending already, whose code stays. */
  threw(error: unknown, exiting: boolean): void;
}

/**
 * Has the watcher told of every end that comes from within by `process.exit` or by an error. Without a word from it, the
 * isolate was ended from outside, ran out of memory, or had nothing left to do.
 *
 * A listener of `exit` would not do: if one of the user's throws, those behind it are not called. Such a throw ends the
 * thread all the same: Node does half of its work only once `process.exit` was called.
 */
export function watchEnd(watcher: EndWatcher): void {
  const { reallyExit } = node;
  node.reallyExit = (code) => {
    try {
      watcher.left(code);
    } catch {
      // There is nobody to tell.
    }
    return reallyExit.call(process, code);
  };
  const { exit } = process;
  process.exit = (code) => {
    try {
      return exit.call(process, code);
    } catch (error) {
      if (!node._exiting) throw error;
      watcher.threw(error, true);
      // The listeners have been called; this time it ends.
      return exit.call(process, code);
    }
  };
  process.on('uncaughtExceptionMonitor', (error) => {
    const caught = process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (!caught) watcher.threw(error, node._exiting === true);
  });
}
