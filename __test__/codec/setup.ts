import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { type Bytes, Decoder, Encoder, type Hooks } from '../../ts/internal/codec/index.js';

/** Memory to encode into. */
export function memory(size: number): Bytes {
  const u8 = Buffer.alloc(size, 0xa5);
  const buffer = new ArrayBuffer(size);
  const whole = Buffer.from(buffer);
  whole.set(u8);
  return { u8: whole, dv: new DataView(buffer) };
}

/** Keeps what is attached in an array; a function that is marked as sendable travels by its index. */
export function simpleHooks(): Hooks & { readonly attachments: unknown[]; readonly sendable: Set<unknown> } {
  const attachments: unknown[] = [];
  const sendable = new Set<unknown>();
  return {
    attachments,
    sendable,
    attach: (value) => attachments.push(value) - 1,
    attached: (id) => attachments[id],
    define(fn) {
      if (!sendable.has(fn)) throw new Error(`\`${fn.name}\` uses a variable of its surroundings`);
      return { kind: 'source', source: `(${fn})`, name: fn.name, file: '', async: false };
    },
    load: (definition) => {
      if (definition?.kind !== 'source') throw new TypeError('not a definition');
      return [...(sendable as Set<() => void>)].find((fn) => fn.name === definition.name) ?? (() => definition);
    },
  };
}

/** An encoder and a decoder that share their hooks, as two threads would. */
export class Pair {
  readonly hooks = simpleHooks();
  readonly encoder = new Encoder(this.hooks);
  readonly decoder = new Decoder(this.hooks);
  readonly target = memory(1 << 16);

  /** Sends one value. */
  one(value: unknown, moved?: Map<ArrayBuffer, number>): unknown {
    const bytes = this.bytesOf(value, moved);
    return this.decoder.decodeOne(bytes, 0, bytes.u8.length);
  }

  /** Sends many values as one message. */
  many(values: readonly unknown[], independent: boolean): unknown[] {
    const end = this.encoder.encode(this.target, 8, this.target.u8.length, values, 0, values.length, independent);
    if (end >= 0) return this.decoder.decode(this.target, 8, end);
    return this.decoder.decode(this.encoder.scratch, 0, this.encoder.length);
  }

  /** The message of one value, alone in memory of its size. */
  bytesOf(value: unknown, moved?: Map<ArrayBuffer, number>): Bytes {
    const end = this.encoder.encodeOne(this.target, 8, this.target.u8.length, value, moved);
    const from = end >= 0 ? this.target.u8.subarray(8, end) : this.encoder.scratch.u8.subarray(0, this.encoder.length);
    return copyOf(from);
  }
}

export function copyOf(bytes: Uint8Array): Bytes {
  const copy = memory(bytes.length);
  copy.u8.set(bytes);
  return copy;
}

/** An array of `length` with these elements, and holes elsewhere. */
export function sparse(length: number, elements: Record<number, unknown>): unknown[] {
  return Object.assign([], elements, { length });
}

/** Equality to the last bit: prototypes, holes, -0, and NaN too. */
export function same(actual: unknown, expected: unknown): boolean {
  return isDeepStrictEqual(actual, expected);
}

/** Strings of any UTF-16 units, lone surrogates too. */
export const anyString = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
);

const typedArray = fc.oneof(
  fc.int8Array(),
  fc.uint8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
);

/** Nearly everything that structured clone takes, without objects that are met twice. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnicodeString: true,
    withNullPrototype: false,
    key: fc.oneof(anyString, fc.constantFrom('__proto__', 'constructor', '0', '-1', '1.5', '4294967295', 'a b', '')),
    maxDepth: 4,
  }),
  fc.letrec((tie) => ({
    leaf: fc.oneof(
      anyString,
      fc.double(),
      fc.integer(),
      fc.bigInt(),
      fc.boolean(),
      fc.date(),
      typedArray,
      fc.constant(null),
    ),
    value: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('array'), tie('object'), tie('map'), tie('set')),
    array: fc.array(tie('value'), { maxLength: 20 }),
    object: fc.dictionary(anyString, tie('value'), { maxKeys: 40 }),
    map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
    set: fc.array(tie('value'), { maxLength: 5 }).map((values) => new Set(values)),
  })).value,
);
