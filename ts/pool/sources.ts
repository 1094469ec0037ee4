import { expected } from '../internal/describe.js';
import { Range } from '../range.js';
import type { Items } from './range-input.js';
import { isTypedArray } from './typed.js';

/** Where items come from. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** The items as a list, if the source has all of them at hand. */
export function listOf(source: Source<unknown>): Items | undefined {
  if (Array.isArray(source)) return source;
  if (isTypedArray(source)) return source;
  if (source instanceof Range) return Array.from(source);
  return undefined;
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
