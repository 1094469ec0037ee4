import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decoder } from '../../ts/internal/codec/index.js';
import { SerializationError } from '../../ts/internal/errors.js';
import { anyValue, copyOf, memory, Pair, simpleHooks } from './setup.js';

/** Reads bytes that may be anything. @returns whether they gave a value */
function read(bytes: Uint8Array, many = false): boolean {
  const decoder = new Decoder(simpleHooks());
  const source = copyOf(bytes);
  try {
    if (many) decoder.decode(source, 0, bytes.length);
    else decoder.decodeOne(source, 0, bytes.length);
    return true;
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    return false;
  } finally {
    expect(Object.keys(Object.prototype)).toEqual([]);
  }
}

/** The tags of containers and everything else that counts, followed by small numbers: deeper than plain noise gets. */
const plausible = fc
  .array(
    fc.oneof(
      fc.nat(255),
      fc.integer({ min: 0x80, max: 0xef }),
      fc.constantFrom(0, 1, 2, 3, 4),
      fc.constantFrom(0xd4, 0xd5, 0xd7, 0xd8, 0xd9, 0xe5, 0xe6, 0xe7, 0xff),
    ),
    { maxLength: 200 },
  )
  .map((bytes) => Uint8Array.from(bytes));

describe('bytes that no encoder wrote', () => {
  test('noise gives a value or a SerializationError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, many) => void read(bytes, many)),
      {
        numRuns: 5000,
      },
    );
  });

  test('noise with a fitting header', () => {
    fc.assert(
      fc.property(plausible, fc.nat(15), (bytes, flags) => {
        read(Buffer.concat([Buffer.from([flags & ~4]), bytes]));
        read(Buffer.concat([Buffer.from([flags | 4, 3, 0, 0, 0]), bytes]), true);
      }),
      { numRuns: 5000 },
    );
  });

  test('messages with some bytes changed', () => {
    const pair = new Pair();
    fc.assert(
      fc.property(
        anyValue,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (value, changes) => {
          pair.bytesOf(value);
          const message = pair.bytesOf([value, value, new Uint8Array(3), new Error('e')]).u8;
          for (const [at, byte] of changes) message[at % message.length] = byte;
          read(message);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('every message cut short at every byte fails', () => {
    const pair = new Pair();
    const shared = { a: 1 };
    const value = [
      shared,
      shared,
      'x'.repeat(50),
      '語語',
      1.5,
      new Map([[1, [2]]]),
      new Float64Array(3),
      new Error('e'),
      5n,
      [1, 2, 3, 4, 5, 6, 7],
    ];
    pair.bytesOf(value);
    const message = pair.bytesOf(value).u8;
    expect(read(message)).toBe(true);
    for (let end = 0; end < message.length; end++) expect(read(message.subarray(0, end))).toBe(false);
    expect(read(Buffer.concat([message, Buffer.from([0])]))).toBe(false);
  });

  test('never reads outside of its part of the memory', () => {
    const pair = new Pair();
    const message = pair.bytesOf(['secret'.repeat(10), { a: 'secret' }]).u8;
    const source = memory(message.length + 100);
    source.u8.fill(0x41);
    source.u8.set(message, 50);
    for (let cut = 1; cut < message.length; cut++) {
      expect(() => pair.decoder.decodeOne(source, 50, 50 + message.length - cut)).toThrow(SerializationError);
    }
    expect(() => pair.decoder.decodeOne(source, 50, 10_000)).toThrow(SerializationError);
    expect(() => pair.decoder.decodeOne(source, 60, 50)).toThrow(SerializationError);
    expect(() => pair.decoder.decodeOne(source, -1, 50)).toThrow(SerializationError);
  });

  test('lengths of thousands of millions allocate nothing', () => {
    const huge = [0xff, 0xff, 0xff, 0xff];
    const before = process.memoryUsage();
    for (const tag of [0xc8, 0xc9, 0xd0, 0xd1, 0xd2, 0xd7, 0xe0, 0xe1])
      expect(read(Uint8Array.from([0, tag, ...huge]))).toBe(false);
    expect(read(Uint8Array.from([4, ...huge]), true)).toBe(false);
    for (let i = 0; i < 20; i++) {
      // An array of nothing but holes is a legal value; so are many of them.
      expect(read(Uint8Array.from([0, 0x92, 0xd0, ...huge, 0xd4, ...huge, 0xd0, 0, 0, 0, 1, 0xd4, 0, 0, 0, 1]))).toBe(
        true,
      );
    }
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(64 * 2 ** 20);
  });

  test('holes take no memory', () => {
    const decoder = new Decoder(simpleHooks());
    const holes = Buffer.from([0xd0, 0, 4, 0, 0, 0xd4, 0xff, 3, 0, 0, 5]);
    const count = 20_000;
    const source = copyOf(
      Buffer.concat([Buffer.from([4, count & 255, count >> 8, 0, 0]), Buffer.alloc(holes.length * count, holes)]),
    );
    const before = process.memoryUsage().heapUsed;
    const values = decoder.decode(source, 0, source.u8.length) as unknown[][];
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 2 ** 20);
    expect([values.length, values[count - 1].length, values[count - 1][1023]]).toEqual([count, 1024, 5]);
  });

  test('a buffer cannot be copied more often than it was sent', () => {
    const pair = new Pair();
    const one = pair.bytesOf([Buffer.alloc(1000, 1), Buffer.alloc(1000, 2)]).u8;
    // The second view is made to look at the first one's bytes.
    const at = one.indexOf(Buffer.from([0xe6, 13, 1, 0, 0, 0]));
    expect(at).toBeGreaterThan(0);
    one[at + 2] = 0;
    expect(read(one)).toBe(false);
  });

  test('a flood of nested containers is refused', () => {
    for (const tag of [0x91, 0xe1]) {
      const bytes = Buffer.alloc(2_000_001, tag === 0x91 ? Buffer.from([tag]) : Buffer.from([tag, 1, 0, 0, 0]));
      bytes[0] = 0;
      expect(read(tag === 0x91 ? bytes : Buffer.concat([Buffer.from([0]), bytes.subarray(5)]))).toBe(false);
    }
  });

  test('`__proto__` changes no prototype, in objects of every form', () => {
    const pair = new Pair();
    const value = [JSON.parse('{"__proto__": {"x": 1}, "y": 2}'), JSON.parse(`{"1": 1, "__proto__": {"x": 1}}`)];
    value.push(Object.assign(['a']));
    Object.defineProperty(value[2], '__proto__', { value: { x: 1 }, enumerable: true });
    for (const graph of [false, true]) {
      for (let i = 0; i < 40; i++) {
        const [a, b, c] = pair.one(graph ? [...value, value[0]] : value) as object[];
        for (const object of [a, b]) {
          expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
          expect(Object.hasOwn(object, '__proto__')).toBe(true);
        }
        expect(Object.getPrototypeOf(c)).toBe(Array.prototype);
      }
    }
  });

  test('a decoder goes on after a failure', () => {
    const pair = new Pair();
    const good = pair.bytesOf({ a: [1] });
    for (let i = 0; i < 3; i++) {
      expect(() => pair.decoder.decodeOne(copyOf(Uint8Array.from([3, 0xff])), 0, 2)).toThrow(SerializationError);
      expect(pair.decoder.decodeOne(good, 0, good.u8.length)).toStrictEqual({ a: [1] });
    }
  });

  test('a message of many is not taken for one, nor the reverse', () => {
    const pair = new Pair();
    const one = pair.bytesOf(1);
    expect(() => pair.decoder.decode(one, 0, one.u8.length)).toThrow(SerializationError);
    const end = pair.encoder.encode(pair.target, 0, 100, [1], 0, 1, true);
    expect(() => pair.decoder.decodeOne(pair.target, 0, end)).toThrow(SerializationError);
  });
});
