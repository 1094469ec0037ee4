import { describe } from '../internal/describe.js';
import { memory } from '../internal/memory.js';

/** Arrays of all kinds that shared memory is seen through. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;
export type BigArray = BigInt64Array | BigUint64Array;
export type PlainArray = NumberArray | BigArray;

interface PlainArrayClass {
  readonly prototype: PlainArray;
  readonly BYTES_PER_ELEMENT: number;
  new (source: number | ArrayLike<never> | Iterable<never>): PlainArray;
  new (buffer: ArrayBufferLike, offset?: number, length?: number): PlainArray;
  from(source: Iterable<unknown>): PlainArray;
}

/** How values of a type are checked and read. */
export type Family = 'integer' | 'bigint' | 'float' | 'char' | 'bool';

/** A type of shared values. */
export interface ElementType {
  /** Its number, which stands in the blocks of objects: never changed. */
  readonly number: number;
  readonly name: string;
  readonly bytes: number;
  readonly family: Family;
  /** The class of an `Array` of such elements without what makes it shared. */
  readonly Plain: PlainArrayClass;
}

type Row = readonly [name: string, codes: string, family: Family, Plain: unknown];

/** In the order of their numbers, from 1. */
const rows: readonly Row[] = [
  ['int8', 'b', 'integer', Int8Array],
  ['uint8', 'B', 'integer', Uint8Array],
  ['int16', 'h', 'integer', Int16Array],
  ['uint16', 'H', 'integer', Uint16Array],
  ['int32', 'il', 'integer', Int32Array],
  ['uint32', 'IL', 'integer', Uint32Array],
  ['int64', 'q', 'bigint', BigInt64Array],
  ['uint64', 'Q', 'bigint', BigUint64Array],
  ['float32', 'f', 'float', Float32Array],
  ['float64', 'd', 'float', Float64Array],
  ['c', 'c', 'char', Uint8Array],
  ['?', '?', 'bool', Uint8Array],
];

export const types: readonly ElementType[] = rows.map(([name, , family, Class], i) => {
  const Plain = Class as PlainArrayClass;
  return { number: i + 1, name, bytes: Plain.BYTES_PER_ELEMENT, family, Plain };
});

const byCode = new Map<unknown, ElementType>();
rows.forEach(([name, codes], i) => {
  for (const code of [name, ...codes]) byCode.set(code, types[i]);
});

/**
 * The type that a typecode or name stands for.
 * @throws TypeError if it stands for none; `name` is that of the argument
 */
export function typeOf(code: unknown, name: string): ElementType {
  const type = byCode.get(code);
  if (type !== undefined) return type;
  const known = `${[...new Set(rows.flatMap(([, codes]) => [...codes]))].join(' ')}, or int8 … float64`;
  throw new TypeError(`Bad typecode: expected \`${name}\` to be one of ${known}, got ${describe(code)}`);
}

/** The type with a number that an object's block names. */
export function typeNumbered(number: number): ElementType {
  const type = types[number - 1];
  if (type === undefined) throw new RangeError(`There is no type ${number}`);
  return type;
}

/** All of the region that is committed, as an array of a class; the arrays of one window are made once. */
const windows = new Map<unknown, PlainArray>();
let shown: ArrayBufferLike | undefined;

/** All of the region through an array of this class. What it shows stays valid when the region grows. */
export function windowOf<A extends PlainArray>(Plain: new (buffer: ArrayBufferLike) => A): A {
  const { buffer } = memory.u32;
  if (buffer !== shown) {
    windows.clear();
    shown = buffer;
  }
  let array = windows.get(Plain);
  if (array === undefined) {
    array = new Plain(buffer);
    windows.set(Plain, array);
  }
  return array as A;
}
