import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expected } from '../describe.js';
import { define } from './define.js';
import { type AnyFunction, definitionOfTask, type ModuleDefinition } from './definition.js';
import { branded, reference } from './reference.js';

/** A reference to an exported function: what `F` gives, as a promise. */
export type TaskFunction<F extends AnyFunction> = (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

/** All functions that a module exports, as references. */
export type Tasks<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends AnyFunction
    ? TaskFunction<M[K]>
    : never;
};

/**
 * A reference to an exported function. A worker imports the module once and calls the export: the fastest way to send a
 * function, the only one that any bundler and transpiler leaves alone, and one without limits on what the function uses.
 *
 * @param url the module: `import.meta.url`, `new URL('./work.js', import.meta.url)`, or an absolute path.
 * @param name the export's name; `'default'` for the default export.
 * @returns a function to give to a pool; called directly, it imports the module and runs in this thread.
 * @throws TypeError if the URL is relative, or no URL that can be imported.
 * @example
 * export const square = (x: number) => x * x;
 * const results = await pool.map(task<typeof square>(import.meta.url, 'square'), [1, 2, 3]);
 *
 * Python: a function at the top level of a module, which pickle sends by name.
 */
export function task<F extends AnyFunction = AnyFunction>(url: string | URL, name: string): TaskFunction<F>;
/**
 * Prepares a function for sending, once: it is analysed here, and throws here if it cannot be sent.
 *
 * @param fn a function that uses nothing of the code around it.
 * @returns a function of the same type. Called directly, it calls `fn`.
 * @throws SerializationError if the function cannot be sent.
 * @example
 * const square = task((x: number) => x * x);
 */
export function task<F extends AnyFunction>(fn: F): F;
export function task(target: string | URL | AnyFunction, name?: string): AnyFunction {
  if (typeof target !== 'function') return reference(moduleDefinition(target, name));
  const fn = target;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return fn.apply(this, args);
  };
  Object.defineProperty(wrapper, 'length', { value: fn.length, configurable: true });
  return branded(wrapper, define(fn), fn.name);
}

/**
 * References to all functions that a module exports, typed. The module is not imported here.
 *
 * @param url the module, as {@link task} takes it.
 * @throws TypeError if the URL is relative, or no URL that can be imported.
 * @example
 * const work = tasks<typeof import('./work.js')>(new URL('./work.js', import.meta.url));
 * await pool.map(work.resize, images);
 */
export function tasks<M>(url: string | URL): Tasks<M> {
  const { url: href } = moduleDefinition(url, 'default');
  const known = new Map<string, AnyFunction>();
  return new Proxy(Object.freeze({}), {
    get(target, key) {
      // `await`, JSON and conversions to text ask any object for these: they must not find a task.
      if (typeof key === 'symbol' || key === 'then' || key === 'toJSON' || key in target)
        return Reflect.get(target, key);
      let found = known.get(key);
      if (found === undefined) {
        found = reference({ kind: 'module', url: href, name: key });
        known.set(key, found);
      }
      return found;
    },
  }) as Tasks<M>;
}

/** Whether a value is a task reference, made by any copy of this package. */
export function isTask(value: unknown): value is AnyFunction {
  return definitionOfTask(value) !== undefined;
}

function moduleDefinition(url: string | URL, name: unknown): ModuleDefinition {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(expected('name', "the name of an export (or 'default')", name));
  }
  return { kind: 'module', url: moduleUrl(url), name };
}

function moduleUrl(url: unknown): string {
  const given = url instanceof URL ? url.href : url;
  if (typeof given === 'string') {
    if (isAbsolute(given)) return pathToFileURL(given).href;
    const parsed = URL.canParse(given) ? new URL(given) : undefined;
    if (parsed !== undefined && /^(file|data|node):$/.test(parsed.protocol)) return parsed.href;
  }
  const ways = 'Use `import.meta.url`, or `new URL(…, import.meta.url)` for another file';
  throw new TypeError(`${expected('url', 'a file URL or an absolute path', given)}. ${ways}`);
}
