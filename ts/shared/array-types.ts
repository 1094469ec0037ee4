import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import type { Lockable, SharedOptions } from './lockable.js';
import type { TypeCode } from './value-types.js';

/** The typecode of an `Array`: one of a `Value`, but no `?`. */
export type ArrayCode = Exclude<TypeCode, '?'>;

/** The typed array for a typecode. */
export type PlainArray<T extends ArrayCode> = T extends 'b' | 'int8'
  ? Int8Array
  : T extends 'B' | 'uint8' | 'c'
    ? Uint8Array
    : T extends 'h' | 'int16'
      ? Int16Array
      : T extends 'H' | 'uint16'
        ? Uint16Array
        : T extends 'i' | 'l' | 'int32'
          ? Int32Array
          : T extends 'I' | 'L' | 'uint32'
            ? Uint32Array
            : T extends 'q' | 'int64'
              ? BigInt64Array
              : T extends 'Q' | 'uint64'
                ? BigUint64Array
                : T extends 'f' | 'float32'
                  ? Float32Array
                  : Float64Array;

/**
 * An Array without a lock: a typed array over shared memory.
 *
 * Python: what `multiprocessing.RawArray` gives.
 */
export type RawArray<T extends ArrayCode = ArrayCode> = PlainArray<T>;

/** A typed array over memory that all workers see. */
export type SharedArray<T extends ArrayCode = ArrayCode, L extends Lock | RLock = RLock> = PlainArray<T> &
  Lockable<L> & {
    /**
     * A plain typed array over the same bytes, always the same one: for loops that plain typed arrays go through as well,
     * which V8 compiles better when all of them are of one class. Python: `get_obj()`.
     */
    getObj(): PlainArray<T>;
  };

/** How many elements, all of them zero; or what the elements are to be. */
type Content<T extends ArrayCode> =
  | number
  | Iterable<T extends 'q' | 'Q' | 'int64' | 'uint64' ? bigint : number>
  | (T extends 'c' ? string : never);

export interface SharedArrayConstructor {
  readonly prototype: SharedArray;
  new <T extends ArrayCode>(typecode: T, sizeOrIterable: Content<T>, options: { readonly lock: false }): RawArray<T>;
  new <T extends ArrayCode, L extends Lock | RLock>(
    typecode: T,
    sizeOrIterable: Content<T>,
    options: { readonly lock: L },
  ): SharedArray<T, L>;
  new <T extends ArrayCode>(typecode: T, sizeOrIterable: Content<T>, options?: SharedOptions<boolean>): SharedArray<T>;
}

export interface RawArrayConstructor {
  readonly prototype: RawArray;
  new <T extends ArrayCode>(typecode: T, sizeOrIterable: Content<T>): RawArray<T>;
}
