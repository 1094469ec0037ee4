import { getSystemErrorName } from 'node:util';
import { ProcessError, StateError } from './errors.js';

/**
 * Runs a function of the addon. An error of the operating system gets the `code` and `errno` that Node's own errors have,
 * such as `EEXIST`.
 */
export function named<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'TRACKER' || code === 'PROCESSES') throw new ProcessError(message);
    if (code === 'REFUSED') throw new StateError(message);
    if (code !== undefined && /^\d+$/.test(code)) {
      const errno = -Number(code);
      Object.assign(error as Error, { code: getSystemErrorName(errno), errno });
    }
    throw error;
  }
}
