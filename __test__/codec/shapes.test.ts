import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { anyString, anyValue, Pair, same, simpleHooks } from './setup.js';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

const objects = [
  { id: 1, name: 'a', deep: { x: [1] } },
  JSON.parse('{"a b": 1, "__proto__": 2, "\\"quoted\\"": 3, "語": 4}'),
  Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`column_${i}`, i])),
  Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`column_${i}`, i])),
];

describe('shapes of objects', () => {
  test('objects come out the same, the first time and after thousands of times', () => {
    const pair = new Pair();
    for (let i = 0; i < 3000; i++) {
      const value = objects[i % objects.length];
      expect(pair.one(value)).toStrictEqual(value);
    }
  });

  test('the same keys hold values of every kind, before and after the shape is compiled', () => {
    const pair = new Pair();
    const value = fc.oneof(fc.integer(), fc.double(), fc.constant(-0), anyString, fc.constant(undefined), anyValue);
    fc.assert(
      fc.property(fc.tuple(value, value, value, value), ([first, quoted, proto, wide]) => {
        const object = { first, 'a "key"': quoted, ['__proto__']: proto, 語: wide };
        const expected = structuredClone(object);
        fc.pre(same(expected, structuredClone(object)));
        expect(same(pair.one(object), expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('a getter removes and adds keys: those that were there are sent, by their values now', () => {
    const pair = new Pair();
    for (let i = 0; i < 100; i++) {
      const object = { first: 1, second: 2 as number | undefined, third: 3 };
      Object.defineProperty(object, 'first', {
        enumerable: true,
        get() {
          delete object.second;
          object.third = i;
          Object.assign(object, { added: true });
          return 'got';
        },
      });
      expect(pair.one(object)).toStrictEqual({ first: 'got', second: undefined, third: i });
    }
  });

  test('where strings may not be compiled', async () => {
    let attempts = 0;
    vi.stubGlobal(
      'Function',
      class {
        constructor() {
          attempts++;
          throw new EvalError('Code generation from strings disallowed for this context');
        }
      },
    );
    vi.resetModules();
    const { Encoder, Decoder } = await import('../../ts/internal/codec/index.js');
    const encoder = new Encoder(simpleHooks());
    const decoder = new Decoder(simpleHooks());
    const { target } = new Pair();
    for (let i = 0; i < 400; i++) {
      const value = objects[i % objects.length];
      const end = encoder.encodeOne(target, 0, target.u8.length, value);
      expect(decoder.decodeOne(target, 0, end)).toStrictEqual(value);
    }
    expect(attempts).toBe(1);
  });

  test('a message describes a shape once', () => {
    const pair = new Pair();
    const rows = Array.from({ length: 100 }, (_, i) => ({ someLongName: i % 100, anotherLongName: 'x' }));
    pair.many(rows, true);
    const end = pair.encoder.encode(pair.target, 0, pair.target.u8.length, rows, 0, 100, true);
    expect(end).toBeLessThan(100 * 4 + 60);
  });

  test('keys in another order are another shape', () => {
    const pair = new Pair();
    for (let i = 0; i < 100; i++) {
      expect(Object.keys(pair.one({ a: 1, b: 2 }) as object)).toEqual(['a', 'b']);
      expect(Object.keys(pair.one({ b: 1, a: 2 }) as object)).toEqual(['b', 'a']);
    }
  });

  test('setters on Object.prototype are not called by compiled shapes', () => {
    const pair = new Pair();
    const value = { watched: 1, other: 2 };
    for (let i = 0; i < 100; i++) pair.one(value);
    let calls = 0;
    Object.defineProperty(Object.prototype, 'watched', { set: () => calls++, configurable: true });
    try {
      pair.one(value);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'watched');
    }
    expect(calls).toBe(0);
  });
});
