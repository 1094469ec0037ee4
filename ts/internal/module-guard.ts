import { StateError } from './errors.js';
import { moduleLoading } from './functions/resolve.js';
import { workerSide } from './runtime.js';
import { self } from './self.js';

/** Throws StateError where a child imports a module to find a task, and the module makes `what` again. */
export function mustNotBeLoading(what: 'Pool' | 'Process'): void {
  if (!moduleLoading() || (workerSide() === undefined && self().parent === undefined)) return;
  const example = what === 'Pool' ? 'new Pool()' : 'new Process({ target })';
  throw new StateError(
    `A worker is importing this module to find a task, and the module makes a ${what} again. Guard the main program:\n\n` +
      "  import { isMainThread } from 'node:worker_threads';\n" +
      `  if (isMainThread) {\n    const ${what.toLowerCase()} = ${example};\n    …\n  }\n\n` +
      'or move the task functions into a module of their own.',
  );
}
