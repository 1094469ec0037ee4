import { types } from 'node:util';
import { define } from '../internal/functions/define.js';
import { type AnyFunction, type Definition, nameOf } from '../internal/functions/definition.js';
import { load, resolveTask } from '../internal/functions/load.js';

/** Exports that tasks name, by URL and name, once their module was imported. */
const imported = new Map<string, AnyFunction>();

/** A function as a worker would have it: made from its definition, without the closure that it has here. */
export class InlineFunction {
  readonly #definition: Definition;

  /** @throws SerializationError for a function that cannot be sent */
  constructor(fn: AnyFunction) {
    this.#definition = define(fn);
  }

  /** Gives the function to `run` and answers what that returns: as a promise, if its module has to be imported first. */
  use(run: (fn: AnyFunction) => unknown): unknown {
    const definition = this.#definition;
    if (definition.kind !== 'module') return run(load(definition));
    const known = imported.get(this.#key);
    if (known !== undefined) return run(known);
    return resolveTask(definition).then((fn) => {
      imported.set(this.#key, fn);
      return run(fn);
    });
  }

  /** What to call it. */
  get name(): string {
    return nameOf(this.#definition);
  }

  /** Whether its module has to be imported first. */
  get mustImport(): boolean {
    return this.#definition.kind === 'module' && !imported.has(this.#key);
  }

  /** Whether it is known to be an `async` function. */
  get isAsync(): boolean {
    const definition = this.#definition;
    if (definition.kind === 'source') return definition.async;
    return types.isAsyncFunction(imported.get(this.#key));
  }

  get #key(): string {
    const definition = this.#definition;
    return definition.kind === 'module' ? `${definition.url}\n${definition.name}` : '';
  }
}
