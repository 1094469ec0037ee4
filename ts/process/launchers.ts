import { mustBeStartable } from '../internal/start-method.js';
import type { Launcher } from './launcher.js';
import { threadLauncher } from './thread-launcher.js';

/**
 * What starts children by this method.
 * @throws StateError if this version cannot
 */
export function launcherOf(method: string): Launcher {
  mustBeStartable(method);
  return threadLauncher;
}
