import { inspect } from 'node:util';
import type { Decoder } from './decoder.js';
import type { Encoder } from './encoder.js';
import { malformed } from './input.js';
import * as tags from './tags.js';

/** Shorter arrays of numbers gain nothing from being columns. */
const COLUMN_LENGTH = 6;
/** Longest run of holes that is looked through step by step. */
const HOLE_RUN = 256;
/** Up to this length listing the keys is the cheapest way to see whether an array has named properties. */
const LIST_KEYS_LENGTH = 64;

const MAX_PREALLOCATED = 1 << 24;

const EMPTY_VIEW = { maxArrayLength: 0, depth: 0, customInspect: false, compact: true, breakLength: Infinity } as const;

export function writeArray(out: Encoder, array: unknown[]): void {
  const length = array.length;
  if (isOrdinary(array, length)) {
    if (length >= COLUMN_LENGTH && typeof array[0] === 'number' && writeColumn(out, array, length)) return;
    if (length < tags.SHORT_ARRAY_END - tags.SHORT_ARRAY) {
      out.byte(tags.SHORT_ARRAY + length);
      for (let i = 0; i < length; i++) out.value(array[i]);
    } else {
      writeElements(out, array, length);
    }
    return;
  }
  const names = Object.keys(array).filter((key) => !isIndex(key));
  if (names.length === 0) {
    writeElements(out, array, length);
    return;
  }
  out.byte(tags.NAMED_ARRAY);
  writeElements(out, array, length);
  out.reserve(0);
  out.pairs(array, names);
}

const INDEXES = Array.from({ length: LIST_KEYS_LENGTH }, (_, i) => String(i));

/**
 * Whether an array has no properties besides its elements (the result of a RegExp match has some), and if it is short, no
 * holes. The language offers only lists of all keys, which are slow for a long array; `inspect`, asked to show no
 * elements, takes constant time.
 */
function isOrdinary(array: unknown[], length: number): boolean {
  if (length <= LIST_KEYS_LENGTH) {
    // Indexes are listed first, so that only elements can come before the last of them.
    const keys = Object.keys(array);
    return keys.length === length && (length === 0 || keys[length - 1] === INDEXES[length - 1]);
  }
  return inspect(array, EMPTY_VIEW) === `[ ... ${length} more items ]`;
}

function isIndex(key: string): boolean {
  const index = Number(key);
  return index >>> 0 === index && index !== 0xffffffff && String(index) === key;
}

/** Writes an array of numbers as 32-bit integers or, if there are others, as doubles. @returns false if not all are numbers */
function writeColumn(out: Encoder, array: unknown[], length: number): boolean {
  let i = 0;
  if (((array[0] as number) | 0) === array[0]) {
    out.reserve(5 + length * 4);
    const dv = out.dv;
    let pos = out.pos + 5;
    for (; i < length; i++, pos += 4) {
      const value = array[i];
      if (typeof value !== 'number' || (value | 0) !== value || (value === 0 && 1 / value < 0)) break;
      dv.setInt32(pos, value, true);
    }
    if (i === length) return endColumn(out, tags.INT32_COLUMN, length, pos);
    if (typeof array[i] !== 'number') return false;
  }
  out.reserve(5 + length * 8);
  const dv = out.dv;
  let pos = out.pos + 5;
  for (i = 0; i < length; i++, pos += 8) {
    const value = array[i];
    if (typeof value !== 'number') return false;
    dv.setFloat64(pos, value, true);
  }
  return endColumn(out, tags.FLOAT64_COLUMN, length, pos);
}

function endColumn(out: Encoder, tag: number, length: number, end: number): true {
  out.byte(tag);
  out.uint32(length);
  out.pos = end;
  return true;
}

function writeElements(out: Encoder, array: unknown[], length: number): void {
  out.byte(tags.ARRAY);
  out.uint32(length);
  for (let i = 0; i < length; i++) {
    const value = array[i];
    if (value !== undefined || i in array) {
      out.value(value);
      continue;
    }
    let next = i + 1;
    while (next < length && next - i < HOLE_RUN && !(next in array)) next++;
    if (next - i === HOLE_RUN) {
      writeSparse(out, array, i, length);
      return;
    }
    writeHoles(out, next - i);
    i = next - 1;
  }
}

/** Writes the rest of an array by the list of its keys: there may be thousands of millions of holes. */
function writeSparse(out: Encoder, array: unknown[], from: number, length: number): void {
  let next = from;
  for (const key of Object.keys(array)) {
    if (!isIndex(key)) break;
    const index = Number(key);
    if (index < next) continue;
    if (index >= length) break;
    if (index > next) writeHoles(out, index - next);
    out.value(array[index]);
    next = index + 1;
  }
  if (next < length) writeHoles(out, length - next);
}

function writeHoles(out: Encoder, count: number): void {
  out.reserve(0);
  out.byte(tags.HOLES);
  out.uint32(count);
}

/** Reads the elements of an array without holes. Literals make small arrays in one step. */
export function readShortArray(input: Decoder, length: number): unknown[] {
  if (!input.graph) {
    switch (length) {
      case 0:
        return [];
      case 1:
        return [input.value()];
      case 2:
        return [input.value(), input.value()];
      case 3:
        return [input.value(), input.value(), input.value()];
      case 4:
        return [input.value(), input.value(), input.value(), input.value()];
    }
  }
  const array: unknown[] = [];
  input.register(array);
  for (let i = 0; i < length; i++) array.push(input.value());
  return array;
}

export function readArray(input: Decoder): unknown[] {
  const array: unknown[] = [];
  input.register(array);
  const length = input.uint32();
  let next = 0;
  let values = 0;
  let sparse = false;
  while (next < length) {
    if (input.peek() === tags.HOLES) {
      input.pos++;
      next += input.uint32();
      if (next > length) malformed('an array is too long');
      if (!sparse && isMostlyHoles(next, values)) sparse = makeSparse(array);
    } else {
      array[next++] = input.value();
      values++;
    }
  }
  if (array.length < length) {
    if (isMostlyHoles(length, values)) makeSparse(array);
    array.length = length;
  }
  return array;
}

function isMostlyHoles(length: number, values: number): boolean {
  return length > 64 + values * 16;
}

/** Makes the engine keep no room for holes: an element far behind the end turns the array into a hash table. */
function makeSparse(array: unknown[]): true {
  const length = array.length;
  array[Math.min(length + 100_000, 0xfffffffe)] = 0;
  array.length = length;
  return true;
}

export function readNamedArray(input: Decoder): unknown[] {
  const array = input.value();
  if (!Array.isArray(array)) return malformed('names without an array');
  input.pairs(array);
  return array;
}

export function readInt32Column(input: Decoder): number[] {
  const length = input.uint32();
  let pos = input.take(length * 4);
  const dv = input.dv;
  const array = input.register(roomFor(length));
  for (let i = 0; i < length; i++, pos += 4) array[i] = dv.getInt32(pos, true);
  return array;
}

export function readFloat64Column(input: Decoder): number[] {
  const length = input.uint32();
  let pos = input.take(length * 8);
  const dv = input.dv;
  const array = input.register(roomFor(length));
  for (let i = 0; i < length; i++, pos += 8) array[i] = dv.getFloat64(pos, true);
  return array;
}

/** An array with room for a column, whose bytes are known to be there. The engine would make a hash table of a huge one. */
function roomFor(length: number): number[] {
  return length <= MAX_PREALLOCATED ? new Array(length) : [];
}
