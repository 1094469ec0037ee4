import { expected } from '../internal/describe.js';
import { Range } from '../range.js';
import type { Items } from './range-input.js';
import { isTypedArray } from './typed.js';

/** Where items come from. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** As many items as an array of JavaScript can hold side by side. */
const MAX_ITEMS = 2 ** 27 - 1;

/** How many items the source has, if it can tell. */
export function lengthOf(source: Source<unknown>): number | undefined {
  if (Array.isArray(source) || isTypedArray(source) || source instanceof Range) return source.length;
  if (source instanceof Set || source instanceof Map) return source.size;
  return undefined;
}

/** The items as a list, if the source has all of them at hand. Throws RangeError where no list can have so many. */
export function listOf(source: Source<unknown>): Items | undefined {
  if (Array.isArray(source)) return source;
  if (isTypedArray(source)) return source;
  if (source instanceof Range) return numbersOf(source);
  return undefined;
}

/** The numbers of a range, in a form that is copied to the workers as it is. */
function numbersOf({ start, step, length }: Range): Float64Array {
  if (length > MAX_ITEMS) throw new RangeError(`A range of ${length} numbers is too long for one list; imap takes it`);
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++) numbers[i] = start + i * step;
  return numbers;
}

/** What an iterator's `next()` gave. Throws TypeError for what no iterator may give. */
export function stepOf(result: unknown): IteratorResult<unknown> {
  if ((typeof result === 'object' && result !== null) || typeof result === 'function') {
    return result as IteratorResult<unknown>;
  }
  throw new TypeError(expected('what next() of the items returns', 'an object', result));
}

/** Throws TypeError for what cannot be iterated; `sync`: without waiting. */
export function mustBeSource(source: unknown, sync: boolean): void {
  const has = (key: symbol) =>
    source !== null && source !== undefined && typeof (source as { [key: symbol]: unknown })[key] === 'function';
  if (has(Symbol.iterator) || (!sync && has(Symbol.asyncIterator))) return;
  throw new TypeError(expected('items', sync ? 'an iterable' : 'an iterable or async iterable', source));
}

/** The arguments that an item of a `starmap` stands for. */
export function argumentsOf(item: unknown, index: number): readonly unknown[] {
  if (Array.isArray(item)) return item;
  const iterable = item as Iterable<unknown> | null | undefined;
  if (typeof iterable === 'object' && iterable !== null && typeof iterable[Symbol.iterator] === 'function') {
    return [...iterable];
  }
  throw new TypeError(expected(`items[${index}]`, 'a list of arguments', item));
}
