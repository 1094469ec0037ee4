import { types } from 'node:util';
import { viewClass } from '../internal/codec/index.js';
import { blockOf } from '../internal/handles.js';
import type { NumberArray } from './types.js';

/** A typed array of any kind, of any realm and subclass. */
export interface TypedArray extends ArrayBufferView, ArrayLike<unknown> {
  [index: number]: unknown;
}

export function isTypedArray(items: unknown): items is TypedArray {
  return types.isTypedArray(items);
}

/** Whether `items` is a typed array of numbers, not of BigInts. */
export function isNumberArray(items: unknown): items is NumberArray {
  return types.isTypedArray(items) && !types.isBigInt64Array(items) && !types.isBigUint64Array(items);
}

/** Whether workers can read the array in place. */
export function isShared({ buffer }: ArrayBufferView): boolean {
  return types.isSharedArrayBuffer(buffer) || blockOf(buffer) !== 0;
}

/** A plain array of the same kind and length, over memory of its own. */
export function sameKind(items: TypedArray): TypedArray {
  return new (viewClass(items) as unknown as new (length: number) => TypedArray)(items.length);
}
