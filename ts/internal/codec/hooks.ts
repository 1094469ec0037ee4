import type { AnyFunction, Definition } from '../functions/definition.js';

/** What the codec leaves to its owner: things that bytes alone cannot carry. */
export interface Hooks {
  /**
   * Takes something that travels beside the bytes: a SharedArrayBuffer, MessagePort, WebAssembly.Module, KeyObject,
   * CryptoKey, Blob and other platform objects. Called once per object and message.
   * @returns the id under which `attached` gives it on the other side
   * @throws for what cannot be sent
   */
  attach(value: object): number;
  attached(id: number): unknown;
  /**
   * Describes a function by plain data.
   * @throws SerializationError for a function that cannot be sent
   */
  define(fn: AnyFunction): Definition;
  load(definition: Definition): AnyFunction;
}

class Mark {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

const key = Symbol.for('manycore.thrown');
const scope = globalThis as { [key]?: typeof Mark };
if (scope[key] === undefined) Object.defineProperty(scope, key, { value: Mark });

/**
 * Marks a result that is an error: the task threw it, it did not return it. One class per isolate, whatever the number of
 * copies of this module: a worker's program makes marks, and its codec, which is loaded later, knows them.
 */
export const Thrown: typeof Mark = scope[key] as typeof Mark;
export type Thrown = Mark;
