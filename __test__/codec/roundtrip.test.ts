import vm from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyString, anyValue, Pair, same, sparse } from './setup.js';

const pair = new Pair();

function expectAsStructuredClone(value: unknown): void {
  const expected = structuredClone(value);
  // The comparison takes two invalid dates for different.
  fc.pre(same(expected, structuredClone(value)));
  const actual = pair.one(value);
  if (!same(actual, expected)) expect(actual).toStrictEqual(expected);
  expect(same(actual, expected)).toBe(true);
}

describe('values arrive as structured clone gives them', () => {
  test('arbitrary nested values', () => {
    fc.assert(fc.property(anyValue, expectAsStructuredClone), { numRuns: 1000 });
  });

  test('the same values often, when shapes are known and compiled', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const values = Array.from({ length: 40 }, () => value);
        fc.pre(same(structuredClone(value), structuredClone(value)));
        const expected = values.map((v) => structuredClone(v));
        expect(same(pair.many(values, true), expected)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    0,
    -0,
    1,
    127,
    128,
    -1,
    -128,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 32,
    2 ** 53,
    0.1,
    -0.1,
    Number.MIN_VALUE,
    Number.MAX_VALUE,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ])('the number %d', (value) => {
    expect(Object.is(pair.one(value), value)).toBe(true);
  });

  test.each([
    0n,
    1n,
    -1n,
    2n ** 63n - 1n,
    2n ** 63n,
    -(2n ** 63n),
    -(2n ** 63n) - 1n,
    2n ** 64n,
    2n ** 1000n,
    -(2n ** 1000n) + 1n,
  ])('the bigint %d', (value) => {
    expect(pair.one(value)).toBe(value);
  });

  test.each([undefined, null, true, false, ''])('%j', (value) => {
    expect(pair.one(value)).toBe(value);
  });

  test('strings around every change of form, of narrow and of wide units', () => {
    for (const unit of ['a', 'ÿ', 'Ā', '語', '\0', '\ud800', '\udc00', '😀']) {
      for (const length of [
        1, 2, 11, 12, 13, 14, 15, 16, 17, 23, 24, 25, 26, 63, 64, 65, 255, 256, 65535, 65536, 70000,
      ]) {
        const text = unit.repeat(length);
        expect(pair.one(text) === text).toBe(true);
        const last = `${'a'.repeat(length)}${unit}`;
        expect(pair.one(last) === last).toBe(true);
      }
    }
  });

  test('strings that the engine holds as ropes, slices and two-byte text of narrow units', () => {
    const rope = ['x'.repeat(20), 'y'.repeat(20)].reduce((a, b) => a + b, '');
    const wideParent = `語${'a'.repeat(100)}`;
    for (const text of [rope, rope.slice(3, 30), wideParent.slice(1), wideParent.slice(1, 14)]) {
      expect(pair.one(text)).toBe(text);
    }
  });

  test('short strings that were read before, and others that begin and end alike', () => {
    const unit = fc.constantFrom('\0', '\x01', 'a', 'ÿ');
    const short = fc.string({ unit, maxLength: 16 });
    fc.assert(
      fc.property(fc.array(short, { maxLength: 40 }), (texts) => {
        expect(pair.one(texts)).toEqual(texts);
        expect(pair.one(texts.toReversed())).toEqual(texts.toReversed());
      }),
      { numRuns: 1000 },
    );
  });

  test('arbitrary strings', () => {
    fc.assert(
      fc.property(anyString, (text) => pair.one(text) === text),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['a column of integers', [1, 2, 3, 4, 5, 6, 7, 8]],
    ['a column of doubles', [0.5, 1, 2, 3, 4, 5, 6, 7]],
    ['a column that turns to doubles', [1, 2, 3, 4, 5, 6, 7, 8.5]],
    ['a column with -0', [1, 2, 3, 4, 5, -0, 7]],
    ['a column with NaN', [Number.NaN, 1, 2, 3, 4, 5, 6, Number.POSITIVE_INFINITY]],
    ['integers, then something else', [1, 2, 3, 4, 5, 6, 'x', 8]],
    ['doubles, then something else', [1.5, 2, 3, 4, 5, 6, null, 8]],
    ['numbers with a hole', sparse(8, { 0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 6: 7, 7: 8 })],
    ['holes at both ends', sparse(4, { 1: 1, 2: 2 })],
    ['only holes', sparse(3, {})],
    ['undefined beside a hole', sparse(3, { 0: undefined, 2: undefined })],
    ['an empty array', []],
    ['an array of 15', new Array(15).fill('x')],
    ['an array of 16', new Array(16).fill('x')],
    ['an array of 300 holes', new Array(300)],
    ['a sparse array', Object.assign([], { 5: 'a', 1000: 'b', 5000000: 'c' })],
    ['the longest array', Object.assign([], { 4294967294: 'last' })],
    ['a long array of holes at its end', Object.assign(['a', 'b'], { length: 4_000_000_000 })],
  ])('%s', (_, value) => {
    const actual = pair.one(value) as unknown[];
    const expected = structuredClone(value);
    expect(actual.length).toBe(expected.length);
    expect(Object.entries(actual)).toEqual(Object.entries(expected));
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
  });

  test('named properties of arrays, long and short, with holes or without', () => {
    for (const length of [0, 1, 5, 15, 16, 64, 65, 1000]) {
      const numbers = Object.assign(
        Array.from({ length }, (_, i) => i),
        { total: 5, '-1': 'x', '1.5': {} },
      );
      expectAsStructuredClone(numbers);
      const texts = Object.assign(
        Array.from({ length }, (_, i) => `${i}`),
        { total: [1] },
      );
      expectAsStructuredClone(texts);
      const holes = Object.assign(new Array(length + 1), { '01': 1 });
      expectAsStructuredClone(holes);
    }
    expectAsStructuredClone(/(?<year>\d+)-(\d+)/.exec('on 2024-10'));
  });

  test('objects whose keys could be mistaken', () => {
    const values = [
      JSON.parse('{"__proto__": {"polluted": true}, "a": 1}'),
      { constructor: 1, prototype: 2, toString: 3, hasOwnProperty: 4 },
      { 10: 'a', 2: 'b', x: 'c', 1: 'd' },
      { '-1': 1, '01': 2, '4294967295': 3, '1e3': 4 },
      { '': 1, ' ': 2, '"': 3, '\\': 4, '\n': 5, '\u2028': 6, '\ud800': 7, 語: 8, '`${x}`': 9, '*/': 10, '},{': 11 },
      Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`k${i}`, i])),
      Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, i])),
      Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i])),
      { ['k'.repeat(2000)]: 1 },
    ];
    for (const value of values) {
      for (let i = 0; i < 50; i++) {
        const actual = pair.one(value) as object;
        expect(same(actual, structuredClone(value))).toBe(true);
        expect(Object.keys(actual)).toEqual(Object.keys(value));
        expect(Object.getPrototypeOf(actual)).toBe(Object.prototype);
      }
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('only own enumerable properties with string keys', () => {
    const parent = { inherited: 1 };
    const value = Object.create(parent, {
      seen: { value: 1, enumerable: true },
      hidden: { value: 2 },
      computed: { get: () => 3, enumerable: true },
    });
    value[Symbol('s')] = 4;
    for (let i = 0; i < 3; i++) expect(pair.one(value)).toStrictEqual({ seen: 1, computed: 3 });
  });

  test('inherited enumerable properties of Object.prototype are left out', () => {
    Object.defineProperty(Object.prototype, 'everywhere', {
      value: 1,
      enumerable: true,
      writable: true,
      configurable: true,
    });
    const keys: string[][] = [];
    try {
      for (let i = 0; i < 3; i++) keys.push(Object.keys(pair.one({ a: 1 }) as object));
    } finally {
      Reflect.deleteProperty(Object.prototype, 'everywhere');
    }
    expect(keys).toEqual([['a'], ['a'], ['a']]);
  });

  test('objects without a prototype, arguments, and instances of classes become plain', () => {
    class Point {
      x = 1;
      #secret = 2;
      get sum(): number {
        return this.x + this.#secret;
      }
    }
    const bare = Object.assign(Object.create(null), { a: 1 });
    function collect(): unknown {
      // biome-ignore lint/complexity/noArguments: it is the subject
      return arguments;
    }
    const args = Reflect.apply(collect as (...values: unknown[]) => unknown, null, ['a', 'b']);
    for (let i = 0; i < 3; i++) {
      expect(pair.one(bare)).toStrictEqual({ a: 1 });
      expect(pair.one(new Point())).toStrictEqual({ x: 1 });
      expect(pair.one(args)).toStrictEqual({ 0: 'a', 1: 'b' });
    }
  });

  test('dates, regular expressions and boxed primitives', () => {
    const regexp = /a(?<n>b)/dgimsuy;
    const sets = 'v';
    regexp.lastIndex = 5;
    const values = [
      new Date(0),
      new Date(8.64e15),
      regexp,
      new RegExp(String.raw`[\]\\]`, sets),
      /(?:)/,
      /語\n\//,
      Object(1),
      Object(-0),
      Object('text'),
      Object(true),
      Object(5n),
    ];
    for (const value of values) expectAsStructuredClone(value);
    expect((pair.one(regexp) as RegExp).lastIndex).toBe(0);
    expect((pair.one(new Date(Number.NaN)) as Date).getTime()).toBeNaN();
  });

  test('subclasses of built-in classes become the built-in class', () => {
    class MyMap extends Map {}
    class MySet extends Set {}
    class MyArray extends Array {}
    class MyDate extends Date {}
    class MyBytes extends Uint8Array {}
    const values = [new MyMap().set(1, 2), new MySet().add(1), MyArray.from(['a']), new MyDate(), MyBytes.of(1, 2)];
    for (const value of values) {
      const actual = pair.one(value) as object;
      const expected = structuredClone(value) as object;
      expect(Object.getPrototypeOf(actual)).toBe(Object.getPrototypeOf(expected));
      expect(same(actual, expected)).toBe(true);
    }
  });

  test('values of another context', () => {
    const value = vm.runInNewContext(
      '({ o: { a: 1 }, a: [1, , 3], m: new Map([[1, { b: 2 }]]), s: new Set([1]), d: new Date(5), r: /x/g, e: new TypeError("no"), u: new Uint8Array([1, 2]) })',
    );
    const actual = pair.one(value) as Record<string, unknown>;
    expect(actual.o).toStrictEqual({ a: 1 });
    expect(same(actual.a, sparse(3, { 0: 1, 2: 3 }))).toBe(true);
    expect(actual.m).toStrictEqual(new Map([[1, { b: 2 }]]));
    expect(actual.s).toStrictEqual(new Set([1]));
    expect(actual.d).toStrictEqual(new Date(5));
    expect(actual.r).toStrictEqual(/x/g);
    expect(actual.e).toBeInstanceOf(TypeError);
    expect(actual.u).toStrictEqual(new Uint8Array([1, 2]));
  });

  test('a Proxy of a plain object or array is read through its traps', () => {
    const value = new Proxy({ a: 1, list: new Proxy([1, 2], {}) }, {});
    for (let i = 0; i < 3; i++) expect(pair.one(value)).toStrictEqual({ a: 1, list: [1, 2] });
  });

  test('objects with thousands of different key sets, and shapes that come back', () => {
    const fresh = new Pair();
    for (let i = 0; i < 20_000; i++) {
      const value = { [`key${i}`]: i, [`other${i % 500}`]: { [`deep${i % 300}`]: i } };
      expect(same(fresh.one([value, value.valueOf()]), [value, value])).toBe(true);
      if (i % 100 === 0) expect(fresh.one({ id: i, name: 'n' })).toStrictEqual({ id: i, name: 'n' });
    }
  });

  test('more than 32 and more than 256 shapes in one message', () => {
    const values = Array.from({ length: 900 }, (_, i) => ({ [`a${i % 300}`]: i, b: 1 }));
    for (let i = 0; i < 3; i++) expect(pair.one(values)).toStrictEqual(values);
  });
});

describe('values are taken as they are while they are encoded', () => {
  test('later changes do not show', () => {
    const value = { a: [1, 2], b: new Map([[1, { c: 1 }]]), bytes: new Uint8Array([1, 2]) };
    const expected = structuredClone(value);
    const message = pair.bytesOf(value);
    value.a.push(3);
    value.b.clear();
    value.bytes[0] = 9;
    expect(pair.decoder.decodeOne(message, 0, message.u8.length)).toStrictEqual(expected);
  });

  test('getters that change what is being encoded', () => {
    const make = () => {
      const list = [1, 'x', 3];
      const map = new Map<string, unknown>([['a', 1]]);
      const value: Record<string, unknown> = {
        get first() {
          delete value.second;
          value.added = 1;
          list.length = 1;
          map.set('b', 2);
          return 'first';
        },
        second: 2,
        third: 3,
        list,
        map,
      };
      return value;
    };
    for (let i = 0; i < 4; i++) {
      const actual = pair.one(make()) as Record<string, unknown>;
      expect(actual.first).toBe('first');
      expect(actual.second).toBeUndefined();
      expect(actual.third).toBe(3);
      expect(actual.list).toStrictEqual([1]);
    }
  });

  test('a getter that encodes something itself', () => {
    const other = new Pair();
    let inner: unknown;
    const value = {
      before: 'b',
      get nested() {
        const end = pair.encoder.encodeOne(other.target, 0, 1000, { deep: [1, 2] });
        inner = pair.decoder.decodeOne(other.target, 0, end);
        return 'n';
      },
      after: ['x'],
    };
    for (let i = 0; i < 3; i++) {
      expect(pair.one(value)).toStrictEqual({ before: 'b', nested: 'n', after: ['x'] });
      expect(inner).toStrictEqual({ deep: [1, 2] });
    }
  });
});
