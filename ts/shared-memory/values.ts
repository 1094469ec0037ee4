import { endianness } from 'node:os';
import { expected } from '../internal/describe.js';

/**
 * What a slot of a ShareableList holds. Python's `int`, `float`, `bool`, `str`, `bytes` and `None` are a number (a bigint
 * beyond the safe integers), a number, a boolean, a string, a `Uint8Array` and `null`.
 */
export type Shareable = number | bigint | boolean | string | Uint8Array | null;

/** Python's packing formats. `s` stands for a run of bytes, which has its length before it. */
export const Format = { int: 'q', float: 'd', bool: 'xxxxxxx?', none: 'xxxxxx?x', bytes: 's' } as const;

/** How Python makes a value of what it has unpacked. */
const Code = { plain: 0, str: 1, bytes: 2, none: 3 } as const;

/** A value as Python packs it. */
export interface Packed {
  readonly format: string;
  readonly code: number;
  /** Eight bytes, or those of a string. */
  readonly bytes: Uint8Array;
}

/** Python packs numbers in the machine's own order. */
const little = endianness() === 'LE';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Packs a value; `name` is for the error. An integral number is an `int`, any other one (and −0) a `float`. */
export function pack(value: unknown, name: string): Packed {
  if (value === null) return { format: Format.none, code: Code.none, bytes: new Uint8Array(8) };
  switch (typeof value) {
    case 'boolean':
      return word(Format.bool, (view) => view.setUint8(7, value ? 1 : 0));
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? word(Format.int, (view) => view.setBigInt64(0, BigInt(value), little))
        : word(Format.float, (view) => view.setFloat64(0, value, little));
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(expected(name, 'an integer of 64 bits', value));
      return word(Format.int, (view) => view.setBigInt64(0, value, little));
    case 'string': {
      const bytes = Buffer.from(value);
      if (bytes.toString() !== value) throw new RangeError(expected(name, 'a string without lone surrogates', value));
      return { format: Format.bytes, code: Code.str, bytes };
    }
  }
  if (value instanceof Uint8Array) return { format: Format.bytes, code: Code.bytes, bytes: value };
  throw new TypeError(expected(name, 'a number, a bigint, a boolean, a string, a Uint8Array or null', value));
}

function word(format: string, write: (view: DataView) => void): Packed {
  const bytes = new Uint8Array(8);
  write(new DataView(bytes.buffer));
  return { format, code: Code.plain, bytes };
}

/**
 * Makes a value of bytes that nobody else can write. As in Python, NULs at the end of a string or of bytes are lost: they
 * cannot be told from those that fill the slot up.
 */
export function unpack(format: string, code: number, bytes: Uint8Array): Shareable {
  if (code === Code.none) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (format) {
    case Format.int: {
      const exact = view.getBigInt64(0, little);
      const number = Number(exact);
      return Number.isSafeInteger(number) ? number : exact;
    }
    case Format.float:
      return view.getFloat64(0, little);
    case Format.bool:
      return view.getUint8(7) !== 0;
    case Format.none:
      return null;
  }
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const content = bytes.subarray(0, end);
  return code === Code.str ? utf8.decode(content) : content;
}

/** Whether two values are the same: a number and a bigint of the same value are, so are equal bytes. */
export function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return isNumeric(a) && isNumeric(b) ? a <= b && a >= b : a === b;
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Reads a 64-bit count or offset; NaN for one that cannot be. */
export function readCount(view: DataView, at: number): number {
  const number = Number(view.getBigInt64(at, little));
  return Number.isSafeInteger(number) && number >= 0 ? number : Number.NaN;
}

/** Writes a 64-bit count or offset. */
export function writeCount(view: DataView, at: number, count: number): void {
  view.setBigInt64(at, BigInt(count), little);
}
