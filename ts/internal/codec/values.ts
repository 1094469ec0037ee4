import type { Decoder } from './decoder.js';
import type { Encoder } from './encoder.js';
import { malformed } from './input.js';
import * as tags from './tags.js';

export function writeBigInt(out: Encoder, value: bigint): void {
  if (BigInt.asIntN(64, value) === value) {
    out.byte(tags.BIGINT64);
    out.dv.setBigInt64(out.pos, value, true);
    out.pos += 8;
    return;
  }
  out.byte(tags.BIGINT_HEX);
  out.string(value.toString(16));
}

export function readBigInt64(input: Decoder): bigint {
  return input.dv.getBigInt64(input.take(8), true);
}

export function readBigIntHex(input: Decoder): bigint {
  const text = input.string();
  if (!/^-?[0-9a-f]+$/.test(text)) malformed('a bigint has other digits');
  return text.charCodeAt(0) === 45 ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

export function writeMap(out: Encoder, map: Map<unknown, unknown>): void {
  out.byte(tags.MAP);
  const size = sizeOfMap.call(map);
  out.uint32(size);
  let left = size;
  for (const [key, value] of entriesOfMap.call(map)) {
    // What a getter adds while we write is not part of the message.
    if (--left < 0) break;
    out.value(key);
    out.value(value);
  }
  for (; left > 0; left--) {
    out.value(undefined);
    out.value(undefined);
  }
}

export function readMap(input: Decoder): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  input.register(map);
  for (let left = input.uint32(); left > 0; left--) {
    const key = input.value();
    map.set(key, input.value());
  }
  return map;
}

export function writeSet(out: Encoder, set: Set<unknown>): void {
  out.byte(tags.SET);
  const size = sizeOfSet.call(set);
  out.uint32(size);
  let left = size;
  for (const value of valuesOfSet.call(set)) {
    if (--left < 0) break;
    out.value(value);
  }
  for (; left > 0; left--) out.value(undefined);
}

export function readSet(input: Decoder): Set<unknown> {
  const set = new Set<unknown>();
  input.register(set);
  for (let left = input.uint32(); left > 0; left--) set.add(input.value());
  return set;
}

export function writeDate(out: Encoder, date: Date): void {
  out.byte(tags.DATE);
  out.float64(Date.prototype.getTime.call(date));
}

export function readDate(input: Decoder): Date {
  return input.register(new Date(input.float64()));
}

export function writeRegExp(out: Encoder, regexp: RegExp): void {
  out.byte(tags.REGEXP);
  out.string(regexp.source);
  out.reserve(0);
  out.string(regexp.flags);
}

export function readRegExp(input: Decoder): RegExp {
  const source = input.string();
  return input.register(new RegExp(source, input.string()));
}

/** `new Number(1)` and its like. */
export function writeBoxed(out: Encoder, boxed: object): void {
  out.byte(tags.BOXED);
  out.value(boxed.valueOf());
}

export function readBoxed(input: Decoder): object {
  const slot = input.hold();
  const value = input.value();
  if (value === null || value === undefined || typeof value === 'object' || typeof value === 'function') {
    return malformed('a boxed primitive is not one');
  }
  return input.fillSlot(slot, Object(value) as object);
}

const sizeOfMap = getter(Map.prototype);
const entriesOfMap = Map.prototype.entries;
const sizeOfSet = getter(Set.prototype);
const valuesOfSet = Set.prototype.values;

/** The engine's own `size`: a subclass may have another. */
function getter(prototype: object): () => number {
  return Reflect.getOwnPropertyDescriptor(prototype, 'size')?.get as () => number;
}
