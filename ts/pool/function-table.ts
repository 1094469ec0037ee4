import { define } from '../internal/functions/define.js';
import { type AnyFunction, type Definition, nameOf } from '../internal/functions/definition.js';
import { native } from '../internal/native.js';

/** The functions of one pool: each is published once, and is a number from then on. */
export class FunctionTable {
  readonly #pool: number;
  readonly #byDefinition = new Map<Definition, number>();
  readonly #byFunction = new WeakMap<AnyFunction, number>();
  readonly #names: string[] = [];
  /** The function of the last call: calls in a row are mostly of one function. */
  #last: AnyFunction | undefined;
  #lastNumber = 0;

  constructor(pool: number) {
    this.#pool = pool;
  }

  /**
   * The number under which workers know `fn`.
   * @throws SerializationError for a function that cannot be sent
   */
  numberOf(fn: AnyFunction): number {
    if (fn === this.#last) return this.#lastNumber;
    let number = this.#byFunction.get(fn);
    if (number === undefined) {
      number = this.#publish(define(fn));
      this.#byFunction.set(fn, number);
    }
    this.#last = fn;
    this.#lastNumber = number;
    return number;
  }

  /** What to call the function of that number, for people. */
  nameOf(number: number): string {
    return this.#names[number];
  }

  #publish(definition: Definition): number {
    const known = this.#byDefinition.get(definition);
    if (known !== undefined) return known;
    const number = native.publish(this.#pool, Buffer.from(JSON.stringify(definition)));
    this.#byDefinition.set(definition, number);
    this.#names[number] = nameOf(definition);
    return number;
  }
}
