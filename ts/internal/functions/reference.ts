import { type AnyFunction, type Definition, type ModuleDefinition, TASK } from './definition.js';
import { resolveTask } from './resolve.js';

/** A task reference: a function that carries a definition, and can be called in this thread, too. */
export function reference(definition: ModuleDefinition): AnyFunction {
  const call = async (...args: unknown[]): Promise<unknown> => {
    const fn = await resolveTask(definition);
    return fn(...args);
  };
  return branded(call, definition, definition.name);
}

/** Marks a function as a task reference, under the name of what it stands for. */
export function branded<F extends AnyFunction>(fn: F, definition: Definition, name: string): F {
  Object.defineProperty(fn, TASK, { value: Object.freeze({ ...definition }) });
  Object.defineProperty(fn, 'name', { value: name, configurable: true });
  return fn;
}
