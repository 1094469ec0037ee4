import { ProcessError } from '../internal/errors.js';

/**
 * What `start()` throws, or `result` rejects with, where the system starts no thread or process: it may be out of memory, or
 * at the limit of files or processes. What is wrong with options stays what the runtime throws.
 */
export function startError(name: string, cause: unknown): unknown {
  const { errno, code, message } = cause as NodeJS.ErrnoException;
  if (typeof errno !== 'number' && code !== 'ERR_WORKER_INIT_FAILED' && !(cause instanceof ProcessError)) return cause;
  return new ProcessError(`Process ${name} could not be started: ${message}`, { cause });
}
