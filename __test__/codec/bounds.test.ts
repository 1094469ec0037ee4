import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decoder, Encoder } from '../../ts/internal/codec/index.js';
import { anyValue, memory, Pair, same, simpleHooks } from './setup.js';

const FILL = 0xa5;

/** Encodes at every possible end: either the message is in the target and nothing behind it, or it is in the scratch. */
function expectSameAtEveryEnd(value: unknown): void {
  const pair = new Pair();
  // The second message of a shape describes it; from then on messages do not change.
  pair.bytesOf(value);
  pair.bytesOf(value);
  const message = Buffer.from(pair.bytesOf(value).u8);
  const start = 5;
  for (let room = 0; room <= message.length + 80; room++) {
    const target = memory(start + message.length + 100);
    const end = pair.encoder.encodeOne(target, start, start + room, value);
    if (room >= message.length) {
      expect(end).toBe(start + message.length);
      expect(target.u8.subarray(start, end).equals(message)).toBe(true);
    } else {
      expect(end).toBe(-1);
      expect(pair.encoder.length).toBe(message.length);
      expect(pair.encoder.scratch.u8.subarray(0, pair.encoder.length).equals(message)).toBe(true);
    }
    expect(target.u8.subarray(0, start).every((byte) => byte === FILL)).toBe(true);
    expect(target.u8.subarray(start + room).every((byte) => byte === FILL)).toBe(true);
  }
}

describe('the room that is given', () => {
  test.each([
    ['a number', 17],
    ['a double', 0.5],
    ['a small object', { id: 17, name: 'user17', score: 25.5, tags: ['a', 'b'] }],
    [
      'objects of several shapes',
      [
        { a: 1, list: [{ b: 'long enough to be written alone' }] },
        { a: 2, list: [] },
      ],
    ],
    ['shared objects', (() => ((o) => [o, o, { o }])({ x: 1 }))()],
    ['wide and long strings', ['語'.repeat(10), '語'.repeat(50), 'a'.repeat(100), 'a'.repeat(20)]],
    ['columns', [Array.from({ length: 30 }, (_, i) => i), Array.from({ length: 20 }, (_, i) => i / 2)]],
    ['buffers', [new Uint8Array(10).fill(1), Buffer.from('text'), new Float64Array([1, 2]).subarray(1)]],
    ['a Map and a Set', [new Map([['a', { b: 1 }]]), new Set([1, 'x'])]],
    ['an error', Object.assign(new TypeError('no'), { stack: 'at a', code: 'E', cannot: Symbol('s') })],
    ['holes', Object.assign(new Array(400), { 5: 'x', name: 1 })],
    ['a bigint', 12345678901234567890123n],
  ])('is kept to, and nothing changes with it: %s', (_, value) => {
    expectSameAtEveryEnd(value);
  });

  test('for arbitrary values', () => {
    const pair = new Pair();
    fc.assert(
      fc.property(anyValue, fc.double({ min: 0, max: 1.2, noNaN: true }), (value, part) => {
        fc.pre(same(structuredClone(value), structuredClone(value)));
        pair.bytesOf(value);
        pair.bytesOf(value);
        const message = Buffer.from(pair.bytesOf(value).u8);
        const room = Math.floor(message.length * part);
        const end = pair.encoder.encodeOne(pair.target, 3, 3 + room, value);
        expect(end).toBe(room >= message.length ? 3 + message.length : -1);
        const result =
          end >= 0
            ? pair.decoder.decodeOne(pair.target, 3, end)
            : pair.decoder.decodeOne(pair.encoder.scratch, 0, pair.encoder.length);
        expect(same(result, structuredClone(value))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('many values at every end', () => {
    const pair = new Pair();
    const values = [{ a: 1 }, { a: 'text' }, [1, 2, 3], 'x'.repeat(70), new Uint8Array(9)];
    for (let room = 0; room < 400; room++) {
      const end = pair.encoder.encode(pair.target, 0, room, values, 0, values.length, true);
      const result =
        end >= 0
          ? pair.decoder.decode(pair.target, 0, end)
          : pair.decoder.decode(pair.encoder.scratch, 0, pair.encoder.length);
      if (end >= 0) expect(end).toBeLessThanOrEqual(room);
      expect(result).toStrictEqual(values);
    }
  });

  test('messages of megabytes, then small ones; a large scratch is not kept', () => {
    const encoder = new Encoder(simpleHooks());
    const decoder = new Decoder(simpleHooks());
    const small = memory(100);
    for (let i = 0; i < 3; i++) {
      const value = {
        text: 'x'.repeat(3_000_000),
        wide: '語'.repeat(1_000_000),
        list: new Array(200_000).fill('y'),
        bytes: Buffer.alloc(2_000_000, 7),
      };
      expect(encoder.encodeOne(small, 0, 100, value)).toBe(-1);
      expect(same(decoder.decodeOne(encoder.scratch, 0, encoder.length), value)).toBe(true);
      const end = encoder.encodeOne(small, 0, 100, { a: 1 });
      expect(decoder.decodeOne(small, 0, end)).toStrictEqual({ a: 1 });
      expect(encoder.scratch.u8.length).toBeLessThanOrEqual(1 << 20);
    }
  });

  test('a failed message leaves nothing behind', () => {
    const pair = new Pair();
    const shared = { a: 1 };
    for (let i = 0; i < 5; i++) {
      expect(() => pair.one([shared, { s: shared, bytes: new Uint8Array(3), bad: Symbol('s') }])).toThrow();
      expect(pair.one([{ s: shared }, shared])).toStrictEqual([{ s: { a: 1 } }, { a: 1 }]);
    }
  });

  test('a target that is replaced by a getter is noticed', () => {
    const pair = new Pair();
    const target: { u8: Buffer; dv: DataView } = { ...memory(1000) };
    const value = {
      get moves() {
        Object.assign(target, memory(2000));
        return 1;
      },
      after: 'x',
    };
    expect(() => pair.encoder.encodeOne(target, 0, 1000, value)).toThrow(/the memory moved/);
    const end = pair.encoder.encodeOne(target, 0, 1000, { after: 'x' });
    expect(pair.decoder.decodeOne(target, 0, end)).toStrictEqual({ after: 'x' });
  });
});
