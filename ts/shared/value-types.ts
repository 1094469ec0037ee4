import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import type { Lockable, SharedOptions } from './lockable.js';

type IntegerCode = 'b' | 'B' | 'h' | 'H' | 'i' | 'I' | 'l' | 'L';
type IntegerName = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32';
type Integer = IntegerCode | IntegerName;
type Big = 'q' | 'Q' | 'int64' | 'uint64';
type Float = 'f' | 'd' | 'float32' | 'float64';

/**
 * The type of a shared value: one of Python's typecodes, or its name.
 *
 * | typecode | name | in JavaScript |
 * |---|---|---|
 * | `b` `B` | `int8` `uint8` | number |
 * | `h` `H` | `int16` `uint16` | number |
 * | `i` `l`, `I` `L` | `int32`, `uint32` | number |
 * | `q` `Q` | `int64` `uint64` | bigint |
 * | `f` `d` | `float32` `float64` | number |
 * | `?` | | boolean |
 * | `c` | | a string of one Latin-1 character; in an `Array` a number |
 *
 * Other than in Python on Linux, `l` and `L` have 32 bits.
 */
export type TypeCode = Integer | Big | Float | 'c' | '?';

/** What a struct is made of: the types of its fields, such as `{ x: 'd', y: 'i' }`. */
export type StructCode = Readonly<Record<string, TypeCode>>;

/** What the value of a type is in JavaScript. */
export type Element<T extends TypeCode> = T extends Big
  ? bigint
  : T extends '?'
    ? boolean
    : T extends 'c'
      ? string
      : number;
/** What a value of a type can be set to. */
export type Settable<T extends TypeCode> = T extends 'c' ? string | number | Uint8Array : Element<T>;

/** What a Value of any type has. */
interface Scalar<T extends TypeCode> {
  /** The value. Reading and writing are atomic; `value += 1` is not: use {@link Arithmetic.add} or the lock. */
  get value(): Element<T>;
  set value(value: Settable<T>);
  /** The value. */
  load(): Element<T>;
  /** Sets the value. */
  store(value: Settable<T>): Element<T>;
  /** Sets the value. */
  exchange(value: Settable<T>): Element<T>;
  /**
   * Sets the value to `replacement` if it is `expected`: it was, if what comes back equals `expected`. Floating-point
   * numbers are compared as by `Object.is`.
   */
  compareExchange(expected: Settable<T>, replacement: Settable<T>): Element<T>;
}

/** What a Value of numbers has. */
export interface Arithmetic<T extends TypeCode> {
  /** Adds to the value; integers wrap as in C. */
  add(value: Element<T>): Element<T>;
  /** Subtracts from the value; integers wrap as in C. */
  sub(value: Element<T>): Element<T>;
  /** Makes the value the smaller one of the two. */
  min(value: Element<T>): Element<T>;
  /** Makes the value the larger one of the two. */
  max(value: Element<T>): Element<T>;
}

/** What a Value of integers or booleans has. */
interface Bitwise<T extends TypeCode> {
  and(value: Element<T>): Element<T>;
  or(value: Element<T>): Element<T>;
  xor(value: Element<T>): Element<T>;
}

type Fields<S extends StructCode> = { -readonly [K in keyof S]: Element<S[K]> };

/** What a Value of a struct has: its fields, each of them like a Value's `value`. */
type StructValue<S extends StructCode> = Fields<S> & {
  /** A copy of all fields; when set, the fields that are given. One after the other: take the lock where that matters. */
  get value(): Fields<S>;
  set value(value: Partial<Fields<S>>);
};

/**
 * A Value without a lock.
 *
 * Python: what `multiprocessing.RawValue` gives.
 */
export type RawValue<T extends TypeCode | StructCode = TypeCode> = T extends TypeCode
  ? Scalar<T> &
      (T extends Integer | Big | Float ? Arithmetic<T> : unknown) &
      (T extends Integer | Big | '?' ? Bitwise<T> : unknown)
  : T extends StructCode
    ? StructValue<T>
    : never;

/** One typed value, or a struct of some, in memory that all workers see. */
export type Value<T extends TypeCode | StructCode = TypeCode, L extends Lock | RLock = RLock> = RawValue<T> &
  Lockable<L> & {
    /** The same value without the lock's methods. Python: `get_obj()`. */
    getObj(): RawValue<T>;
  };

/** What a Value can be made with. */
type Init<T extends TypeCode | StructCode> = T extends TypeCode
  ? Settable<T>
  : T extends StructCode
    ? { readonly [K in keyof T]?: Settable<T[K]> }
    : never;

export interface ValueConstructor {
  readonly prototype: Value;
  new <const T extends TypeCode | StructCode>(
    typecode: T,
    init: Init<T> | undefined,
    options: { readonly lock: false },
  ): RawValue<T>;
  new <const T extends TypeCode | StructCode, L extends Lock | RLock>(
    typecode: T,
    init: Init<T> | undefined,
    options: { readonly lock: L },
  ): Value<T, L>;
  new <const T extends TypeCode | StructCode>(typecode: T, init?: Init<T>, options?: SharedOptions<boolean>): Value<T>;
}

export interface RawValueConstructor {
  readonly prototype: RawValue;
  new <const T extends TypeCode | StructCode>(typecode: T, init?: Init<T>): RawValue<T>;
}
