import { birth } from './birth.js';
import { StateError } from './errors.js';
import { moduleLoading } from './functions/resolve.js';

/**
 * Throws StateError where a child makes `what` again, as it imports a module to find a task, or before its program has
 * begun: in a module that is preloaded in every child.
 */
export function mustNotBeLoading(what: 'Pool' | 'Process'): void {
  const born = birth();
  if (born === undefined || (born.begun && !moduleLoading())) return;
  const example = what === 'Pool' ? 'new Pool()' : 'new Process({ target })';
  const [when, or] = born.begun
    ? ['A worker is importing this module to find a task', 'or move the task functions into a module of their own.']
    : [
        'A worker loads this module before its program (--import, --require, NODE_OPTIONS)',
        'or do it in a module that is not preloaded.',
      ];
  throw new StateError(
    `${when}, and the module makes a ${what} again. Guard the main program:\n\n` +
      "  import { isMainThread } from 'node:worker_threads';\n" +
      `  if (isMainThread) {\n    const ${what.toLowerCase()} = ${example};\n    …\n  }\n\n` +
      or,
  );
}
