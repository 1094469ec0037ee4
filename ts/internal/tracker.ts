import { native, nativePath } from './native.js';

/** All of its work is in the addon. Its title keeps it from those who end every `node`. */
const program = "process.title = 'manycore-tracker'; require(process.argv[1]).serveTracker()";

let prepared = false;

/**
 * Says how the process is started that removes this process' named blocks if it is killed. It starts with the first
 * block that needs it; all threads share it, and all processes that share this one's memory.
 */
export function prepareTracker(): void {
  if (prepared) return;
  // What is meant for Node here (NODE_OPTIONS and the like) is not meant for it.
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_'));
  native.prepareTracker(process.execPath, ['-e', program, nativePath], environment.flat() as string[]);
  prepared = true;
}
