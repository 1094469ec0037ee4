import { InterruptedError } from './errors.js';

/** So many causes of an error are looked at. */
const MAX_CAUSES = 16;

/**
 * Ctrl+C has rejected every pending call at once, and more promises than the program awaits just then. One that nobody has
 * got to yet would end the process, in the middle of somebody's `finally`. So from here on an InterruptedError that nobody
 * handles is no reason to end, and one that is thrown and not caught ends the process with `exitCode`.
 */
export function outliveRejections(exitCode: number): void {
  let uncaught: unknown;
  process.on('uncaughtExceptionMonitor', (error) => {
    const caught = process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (!caught) uncaught = error;
  });
  process.on('exit', (code) => {
    if (code === 1 && isInterrupted(uncaught)) process.exitCode = exitCode;
  });
  process.on('unhandledRejection', onUnhandled);
}

function onUnhandled(reason: unknown): void {
  // With a listener of the program's own, what happens is its decision.
  if (isInterrupted(reason) || process.listenerCount('unhandledRejection') > 1) return;
  // What Node does without a listener depends on its flags: it does so itself.
  process.off('unhandledRejection', onUnhandled);
  Promise.reject(reason);
  setImmediate(() => process.on('unhandledRejection', onUnhandled));
}

/** Whether an error is what Ctrl+C led to. */
function isInterrupted(error: unknown): boolean {
  let cause = error;
  for (let i = 0; i < MAX_CAUSES && cause instanceof Error; i++) {
    if (cause instanceof InterruptedError) return true;
    cause = cause.cause;
  }
  return false;
}
