import { expected } from '../internal/describe.js';
import { tidy } from '../internal/numbers.js';
import type { Items } from './range-input.js';
import type { RangeSink } from './range-job.js';
import { isNumberArray, isTypedArray, sameKind, type TypedArray } from './typed.js';

/** Gathers the results of a `map` in the order of its items. */
export class Collector implements RangeSink {
  readonly #resolve: (values: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #settled: boolean;
  readonly #onSettled: ((failed: number, count: number) => void) | undefined;
  readonly #out: unknown[] | TypedArray;
  /** Ends the call at its first error, if that is wanted. */
  failFast: ((error: unknown) => void) | undefined;
  #firstError: { index: number; error: unknown } | undefined;

  constructor(
    items: Items,
    settled: boolean,
    resolve: (values: unknown) => void,
    reject: (error: unknown) => void,
    onSettled?: (failed: number, count: number) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#settled = settled;
    this.#onSettled = onSettled;
    this.#out = settled || !isTypedArray(items) ? new Array(items.length) : sameKind(items);
  }

  numbers(start: number, count: number, numbers: Float64Array, at: number): void {
    const out = this.#out;
    if (this.#settled) {
      for (let i = 0; i < count; i++) out[start + i] = { status: 'fulfilled', value: tidy(numbers[at + i]) };
    } else if (Array.isArray(out)) {
      copy(out, start, count, numbers, at);
    } else if (isNumberArray(out)) {
      out.set(numbers.subarray(at, at + count), start);
    } else {
      for (let i = 0; i < count; i++) this.#fail(start + i, wrongKind(out, numbers[at + i], start + i));
      return;
    }
    this.#onSettled?.(0, count);
  }

  values(start: number, values: readonly unknown[]): void {
    const out = this.#out;
    if (this.#settled || !Array.isArray(out)) {
      for (let i = 0; i < values.length; i++) this.value(start + i, values[i]);
      return;
    }
    for (let i = 0; i < values.length; i++) out[start + i] = values[i];
    this.#onSettled?.(0, values.length);
  }

  value(index: number, value: unknown): void {
    const out = this.#out;
    if (this.#settled) {
      out[index] = { status: 'fulfilled', value };
    } else if (Array.isArray(out)) {
      out[index] = value;
    } else if (typeof value === (isNumberArray(out) ? 'number' : 'bigint')) {
      out[index] = value as number;
    } else {
      this.#fail(index, wrongKind(out, value, index));
      return;
    }
    this.#onSettled?.(0, 1);
  }

  error(index: number, error: unknown): void {
    if (this.#settled) {
      this.#out[index] = { status: 'rejected', reason: error };
      this.#onSettled?.(1, 1);
    } else {
      this.#fail(index, error);
    }
  }

  done(): void {
    if (this.#firstError === undefined) this.#resolve(this.#out);
    else this.#reject(this.#firstError.error);
  }

  failed(error: unknown): void {
    this.#reject(error);
  }

  #fail(index: number, error: unknown): void {
    if (this.#firstError === undefined || index < this.#firstError.index) this.#firstError = { index, error };
    this.#onSettled?.(1, 1);
    this.failFast?.(error);
  }
}

function wrongKind(out: TypedArray, value: unknown, index: number): TypeError {
  const { name } = out.constructor;
  const kind = isNumberArray(out) ? 'a number' : 'a bigint';
  return new TypeError(expected(`result ${index}`, `${kind} for a ${name}`, value));
}

/** A loop of its own: the compiler learns what it stores. */
function copy(out: unknown[], start: number, count: number, numbers: Float64Array, at: number): void {
  for (let i = 0; i < count; i++) out[start + i] = tidy(numbers[at + i]);
}
