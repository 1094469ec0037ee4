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

/** Marks a result that is an error: the task threw it, it did not return it. */
export class Thrown {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}
