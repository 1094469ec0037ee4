import { childLauncher } from './child-launcher.js';
import type { Launcher } from './launcher.js';
import { threadLauncher } from './thread-launcher.js';

/** What starts children by this method. */
export function launcherOf(method: string): Launcher {
  return method === 'spawn' ? childLauncher : threadLauncher;
}
