import { keep, kept } from '../isolate.js';
import { nearest } from '../nearest.js';
import { type AnyFunction, definitionOfTask, type ModuleDefinition } from './definition.js';

/** Modules that were imported, by URL. Failures are not kept: the next call tries again. */
const modules = new Map<string, object>();

/** How many imports of tasks' modules are under way: one count per isolate, whatever the number of copies of this module. */
const loading = kept<{ count: number }>('loading') ?? keep('loading', { count: 0 });

/** Whether a task's module is being imported right now in this thread: its top level may be running. */
export function moduleLoading(): boolean {
  return loading.count > 0;
}

/**
 * The function that a task reference names. Its module is imported once per thread.
 * Rejects with the module's own error if it throws while it loads, and with TypeError if it has no such function.
 */
export async function resolveTask(definition: ModuleDefinition): Promise<AnyFunction> {
  const { url, name } = definition;
  const module = await importedModule(url);
  const found = pick(module, name);
  if (typeof found !== 'function') throw new TypeError(missing(definition, module, found));
  const reference = definitionOfTask(found);
  if (reference?.kind === 'module' && reference.url === url && reference.name === name) {
    throw new TypeError(`Export \`${name}\` of ${url} is a task that names itself; export the function`);
  }
  return found as AnyFunction;
}

/** The module of a task, or of the class of a process, imported once per thread. */
export async function importedModule(url: string): Promise<object> {
  let module = modules.get(url);
  if (module === undefined) {
    module = await importModule(url);
    modules.set(url, module);
  }
  return module;
}

async function importModule(url: string): Promise<object> {
  loading.count++;
  try {
    return await import(url);
  } catch (error) {
    throw explained(error, url);
  } finally {
    loading.count--;
  }
}

/** An export; for CommonJS modules also what Node's static analysis of them did not see. */
function pick(module: object, name: string): unknown {
  const value = own(module, name);
  const fallback = own(module, 'default');
  if (name !== 'default') return value !== undefined ? value : own(fallback, name);
  // A transpiled CommonJS module is `{ __esModule: true, default: … }`.
  return typeof value === 'function' ? value : (own(value, 'default') ?? value);
}

function own(holder: unknown, name: string): unknown {
  const isHolder = (typeof holder === 'object' && holder !== null) || typeof holder === 'function';
  return isHolder && Object.hasOwn(holder, name) ? (holder as Record<string, unknown>)[name] : undefined;
}

function missing({ url, name }: ModuleDefinition, module: object, found: unknown): string {
  if (found !== undefined) {
    const what = found === null ? 'null' : `${/^[aeiou]/.test(typeof found) ? 'an' : 'a'} ${typeof found}`;
    return `Export \`${name}\` of ${url} is ${what}, not a function`;
  }
  const inner = own(module, 'default');
  const names = Object.keys(module);
  if (typeof inner === 'object' && inner !== null) names.push(...Object.keys(inner));
  const exported = [...new Set(names)].filter((each) => each !== 'module.exports' && each !== '__esModule');
  if (exported.length === 0) return `Module ${url} has no export \`${name}\`; it exports nothing`;
  const near = nearest(name, exported);
  const guess = near === undefined ? '.' : `; did you mean \`${near}\`?`;
  return `Module ${url} has no export \`${name}\`${guess} It exports ${exported.map((each) => `\`${each}\``).join(', ')}`;
}

/** Says what to do about a TypeScript module that this Node cannot run; any other error is the module's own. */
function explained(error: unknown, url: string): unknown {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  let advice: string;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?([?#]|$)/.test(url)) {
    // Not `--import tsx`: in threads of Node 20 that registers nothing.
    advice =
      "Node runs TypeScript by itself from 22.18 on; before, give the workers `execArgv: ['--import', './tsx.mjs']`, " +
      "a file with `import { register } from 'tsx/esm/api'; register();`";
  } else if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    advice =
      "It has TypeScript that is more than types, such as `enum`; give the workers `execArgv: ['--import', 'tsx']` " +
      "or `execArgv: ['--experimental-transform-types']`";
  } else {
    return error;
  }
  return Object.assign(
    new TypeError(`Cannot import ${url}: ${(error as Error).message}. ${advice}`, { cause: error }),
    {
      code,
    },
  );
}
