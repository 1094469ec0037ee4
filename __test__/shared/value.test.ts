import { inspect } from 'node:util';
import { Lock, OwnerDiedError, RawValue, Value } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, ref, thrown } from '../helpers.js';

// biome-ignore lint/suspicious/noExplicitAny: the tests give every code, and also wrong values
const make = (code: unknown, init?: unknown, options?: object): any => new Value(code as 'i', init as 0, options);

/** Codes, a value, what it becomes when it is too large, and the smallest and largest. */
const integers = [
  { codes: ['b', 'int8'], small: -7, large: 200, wrapped: -56, least: -128, most: 127 },
  { codes: ['B', 'uint8'], small: 7, large: -1, wrapped: 255, least: 0, most: 255 },
  { codes: ['h', 'int16'], small: -232, large: 40_000, wrapped: -25_536, least: -32_768, most: 32_767 },
  { codes: ['H', 'uint16'], small: 234, large: 65_537, wrapped: 1, least: 0, most: 65_535 },
  {
    codes: ['i', 'l', 'int32'],
    small: -4343,
    large: 2 ** 31,
    wrapped: -(2 ** 31),
    least: -(2 ** 31),
    most: 2 ** 31 - 1,
  },
  { codes: ['I', 'L', 'uint32'], small: 4343, large: -1, wrapped: 2 ** 32 - 1, least: 0, most: 2 ** 32 - 1 },
].flatMap(({ codes, ...row }) => codes.map((code) => ({ code, ...row })));

const bigIntegers = [
  { codes: ['q', 'int64'], small: -(2n ** 33n), large: 2n ** 63n, wrapped: -(2n ** 63n), most: 2n ** 63n - 1n },
  { codes: ['Q', 'uint64'], small: 2n ** 34n, large: -1n, wrapped: 2n ** 64n - 1n, most: 2n ** 64n - 1n },
].flatMap(({ codes, ...row }) => codes.map((code) => ({ code, ...row })));

const floats = [
  { code: 'f', value: 3.625, rounded: Math.fround(0.1) },
  { code: 'float32', value: -4.25, rounded: Math.fround(0.1) },
  { code: 'd', value: 3.625, rounded: 0.1 },
  { code: 'float64', value: -4.25, rounded: 0.1 },
];

describe.each([...integers, ...bigIntegers])('an integer of type $code', ({ code, small, large, wrapped, most }) => {
  const big = typeof small === 'bigint';
  const n = (value: number): number | bigint => (big ? BigInt(value) : value);

  test('begins with zero, or what it is given, and wraps', () => {
    expect(make(code).value).toBe(n(0));
    const value = make(code, small);
    expect(value.value).toBe(small);
    value.value = large;
    expect(value.value).toBe(wrapped);
    expect(make(code, large).value).toBe(wrapped);
    value.value = most;
    value.value += n(1);
    expect(value.value).not.toBe(most);
  });

  test('has every operation, and each answers the old value', () => {
    const value = make(code, n(12));
    expect([value.add(n(5)), value.load()]).toEqual([n(12), n(17)]);
    expect([value.sub(n(7)), value.load()]).toEqual([n(17), n(10)]);
    expect([value.and(n(6)), value.load()]).toEqual([n(10), n(2)]);
    expect([value.or(n(9)), value.load()]).toEqual([n(2), n(11)]);
    expect([value.xor(n(3)), value.load()]).toEqual([n(11), n(8)]);
    expect([value.min(n(9)), value.load()]).toEqual([n(8), n(8)]);
    expect([value.min(n(5)), value.load()]).toEqual([n(8), n(5)]);
    expect([value.max(n(4)), value.load()]).toEqual([n(5), n(5)]);
    expect([value.max(n(6)), value.load()]).toEqual([n(5), n(6)]);
    expect([value.exchange(n(20)), value.load()]).toEqual([n(6), n(20)]);
    expect([value.compareExchange(n(19), n(1)), value.load()]).toEqual([n(20), n(20)]);
    expect([value.compareExchange(n(20), n(1)), value.load()]).toEqual([n(20), n(1)]);
    expect([value.store(n(30)), value.load()]).toEqual([n(1), n(30)]);
  });

  test('operations wrap, too', () => {
    const value = make(code, most);
    value.add(n(1));
    value.sub(n(1));
    expect(value.value).toBe(most);
    expect([value.exchange(large), value.load()]).toEqual([most, wrapped]);
    expect(value.compareExchange(large, n(0))).toBe(wrapped);
    expect(value.value).toBe(n(0));
    value.value = wrapped > 0 ? n(0) : n(1);
    // Compared as what it becomes in the value.
    value[wrapped > 0 ? 'max' : 'min'](large);
    expect(value.value).toBe(wrapped);
  });

  test('a value of another type is a TypeError that shows it', () => {
    const value = make(code, small);
    const wrong = big
      ? [1, 1.5, '1', true, null, {}]
      : [1n, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1', true, null, {}];
    for (const given of wrong) {
      const error = thrown(() => {
        value.value = given;
      });
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(
        big ? 'Expected `value` to be a bigint, got' : 'Expected `value` to be an integer, got',
      );
      for (const name of ['add', 'sub', 'and', 'or', 'xor', 'min', 'max', 'exchange', 'store']) {
        expect(thrown(() => value[name](given))).toBeInstanceOf(TypeError);
      }
      expect(thrown(() => value.compareExchange(given, small)).message).toContain('`expected`');
      expect(thrown(() => value.compareExchange(small, given)).message).toContain('`replacement`');
      expect(thrown(() => make(code, given)).message).toContain('`init`');
    }
    expect(value.value).toBe(small);
  });
});

describe.each(floats)('a floating-point number of type $code', ({ code, value: init, rounded }) => {
  test('begins with zero, or what it is given, in its precision', () => {
    expect(make(code).value).toBe(0);
    const value = make(code, init);
    expect(value.value).toBe(init);
    for (const number of [Number.POSITIVE_INFINITY, -0, Number.NaN, 0.5]) {
      value.value = number;
      expect(Object.is(value.value, number)).toBe(true);
    }
    value.value = 0.1;
    expect(value.value).toBe(rounded);
  });

  test('has the operations of numbers, and each answers the old value', () => {
    const value = make(code, 1.5);
    expect([value.add(2), value.load()]).toEqual([1.5, 3.5]);
    expect([value.sub(0.25), value.load()]).toEqual([3.5, 3.25]);
    expect([value.min(4), value.load()]).toEqual([3.25, 3.25]);
    expect([value.min(-2), value.load()]).toEqual([3.25, -2]);
    expect([value.max(-3), value.load()]).toEqual([-2, -2]);
    expect([value.max(8), value.load()]).toEqual([-2, 8]);
    expect([value.exchange(0.1), value.load()]).toEqual([8, rounded]);
    expect([value.compareExchange(0.2, 1), value.load()]).toEqual([rounded, rounded]);
    expect([value.compareExchange(0.1, Number.NaN), value.load()]).toEqual([rounded, Number.NaN]);
    expect([value.compareExchange(Number.NaN, 0), value.load()]).toEqual([Number.NaN, 0]);
    expect([value.compareExchange(-0, 1), value.load()]).toEqual([0, 0]);
    expect([value.store(7), value.load()]).toEqual([0, 7]);
    for (const name of ['and', 'or', 'xor']) {
      expect(thrown(() => value[name](1)).message).toMatch(
        new RegExp(`\`${name}\` makes no sense for a Value of type`),
      );
    }
  });

  test('a value of another type is a TypeError that shows it', () => {
    const value = make(code, init);
    for (const given of [1n, '1', true, null, {}]) {
      expect(thrown(() => value.add(given))).toBeInstanceOf(TypeError);
      expect(thrown(() => make(code, given)).message).toContain('Expected `init` to be a number, got');
    }
    expect(value.value).toBe(init);
  });
});

test('a ? is true or false', () => {
  const value = new Value('?');
  expect(value.value).toBe(false);
  expect([value.exchange(true), value.value]).toEqual([false, true]);
  expect([value.and(false), value.value]).toEqual([true, false]);
  expect([value.or(true), value.value]).toEqual([false, true]);
  expect([value.xor(true), value.value]).toEqual([true, false]);
  expect([value.compareExchange(false, true), value.value]).toEqual([false, true]);
  expect([value.store(false), value.load()]).toEqual([true, false]);
  expect(new Value('?', true).value).toBe(true);
  for (const given of [1, 0, 'true', null, 1n]) expect(thrown(() => make('?', given))).toBeInstanceOf(TypeError);
  for (const name of ['add', 'sub', 'min', 'max']) {
    expect(thrown(() => make('?')[name](true)).message).toBe(`\`${name}\` makes no sense for a Value of type '?'`);
  }
});

test('a c is one byte, read as a character', () => {
  const value = new Value('c', 'x');
  expect(value.value).toBe('x');
  value.value = 'ÿ';
  expect(value.value).toBe('ÿ');
  value.value = 10;
  expect(value.value).toBe('\n');
  value.value = Buffer.from('y');
  expect(value.value).toBe('y');
  expect(new Value('c').value).toBe('\0');
  expect([value.exchange('z'), value.compareExchange('z', 'a'), value.store('b'), value.load()]).toEqual([
    'y',
    'z',
    'a',
    'b',
  ]);
  for (const given of ['', 'xy', 'Ā', 256, -1, 1.5, Buffer.from('xy'), 1n, true, null]) {
    expect(thrown(() => make('c', given)).message).toContain(
      'Expected `init` to be one Latin-1 character or byte, got',
    );
  }
  for (const name of ['add', 'sub', 'and', 'or', 'xor', 'min', 'max']) {
    expect(thrown(() => make('c')[name]('a'))).toBeInstanceOf(TypeError);
  }
});

test('a bad typecode is a TypeError that names it', () => {
  for (const code of ['x', 'u', 'int', 'constructor', '', 5, undefined, null, ['i'], Symbol('i')]) {
    const error = thrown(() => make(code));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/^Bad typecode: expected `typecode` to be one of b B h/);
  }
  expect(thrown(() => make('i', 0, { locks: true })).message).toBe('Unknown option `locks`; did you mean `lock`?');
  for (const lock of [null, 1, 'navalue', {}, new Value('i')]) {
    expect(thrown(() => make('i', 0, { lock })).message).toContain(
      'Expected `lock` to be true, false, a Lock or an RLock',
    );
  }
  expect(thrown(() => make('i', 0, true as unknown as object)).message).toContain('`options`');
  expect(thrown(() => (Value as unknown as () => void)()).message).toBe('`Value` is a class: call it with `new`');
  expect(thrown(() => new (RawValue as unknown as typeof Value)('i', 0, { lock: true })).message).toContain(
    '`options`',
  );
});

test('it says what it is', () => {
  expect(inspect(new Value('i', 5))).toBe("Value('int32', 5)");
  expect(inspect([new RawValue('q', 5n)])).toBe("[ Value('int64', 5n) ]");
  expect(inspect(new Value({ x: 'd', y: '?' }, { x: 1.5 }))).toBe('Value(struct, { x: 1.5, y: false })');
  const value = new Value('d');
  expect(value).toBeInstanceOf(Value);
  expect(value).not.toBeInstanceOf(RawValue);
  expect(value.constructor).toBe(Value);
  expect(new RawValue('d').constructor).toBe(RawValue);
  expect(new Value({ x: 'd' }).constructor).toBe(Value);
  expect(Object.keys(value)).toEqual([]);
  for (const symbol of [Symbol.dispose, Symbol.asyncDispose]) expect(symbol in value).toBe(false);
});

describe('a struct', () => {
  test('has its fields as properties, each of its type', () => {
    const struct = { a: 'b', d: 'd', q: 'q', flag: '?', mark: 'c', h: 'int16' } as const;
    const value = new Value(struct, { d: 2.5, mark: 'x' });
    expect(value.value).toEqual({ a: 0, d: 2.5, q: 0n, flag: false, mark: 'x', h: 0 });
    value.a = 200;
    value.q = -(2n ** 40n);
    value.flag = true;
    value.h -= 1;
    value.mark = 'y';
    expect([value.a, value.d, value.q, value.flag, value.mark, value.h]).toEqual([
      -56,
      2.5,
      -(2n ** 40n),
      true,
      'y',
      -1,
    ]);
    value.value = { d: 1, h: 7 };
    expect(value.value).toEqual({ a: -56, d: 1, q: -(2n ** 40n), flag: true, mark: 'y', h: 7 });
    const copy = value.value;
    copy.a = 1;
    expect(value.a).toBe(-56);
    expect(value).toBeInstanceOf(Value);
    expect(new Value(struct).a).toBe(0);
  });

  test('refuses wrong types, unknown fields, and operations on the whole', () => {
    const value = make({ x: 'd', y: 'i' });
    expect(
      thrown(() => {
        value.y = 1.5;
      }).message,
    ).toBe('Expected `y` to be an integer, got `1.5` (number)');
    expect(
      thrown(() => {
        value.value = { y: '1' };
      }).message,
    ).toBe('Expected `value.y` to be an integer, got `1` (string)');
    expect(thrown(() => make({ x: 'd' }, { z: 5 })).message).toBe('The struct has no field `z`, given as `5` (number)');
    expect(thrown(() => make({ x: 'd' }, 5)).message).toContain('`init`');
    expect(thrown(() => value.add(1)).message).toBe('`add` makes no sense for a Value of type struct');
    for (const name of ['load', 'store', 'exchange', 'compareExchange', 'or', 'max']) {
      expect(thrown(() => value[name](1))).toBeInstanceOf(TypeError);
    }
    expect(value.value).toEqual({ x: 0, y: 0 });
  });

  test('refuses bad descriptions', () => {
    expect(thrown(() => make({})).message).toContain('at least one field');
    expect(thrown(() => make({ x: 'x' })).message).toMatch(/^Bad typecode: expected `typecode.x` to be one of/);
    expect(thrown(() => make({ x: { y: 'i' } }))).toBeInstanceOf(TypeError);
    for (const name of ['value', 'add', 'getLock', 'constructor', 'toString', 'hold']) {
      expect(thrown(() => make({ [name]: 'i' })).message).toContain(`cannot be named \`${name}\``);
    }
    expect(thrown(() => make(JSON.parse('{"__proto__":"i"}'))).message).toContain('cannot be named');
  });

  test('has fields of every type side by side that do not touch each other', () => {
    const codes = 'bBhHiIlLqQfdc?';
    for (let round = 0; round < 40; round++) {
      const names = Array.from({ length: 1 + (round % 9) }, (_, i) => `f${i}`);
      const struct = Object.fromEntries(
        names.map((name, i) => [name, codes[(round * 5 + i * (round + 3)) % 14] as string]),
      );
      const all = (code: string) => (code === '?' ? true : code === 'c' ? 'ÿ' : /[qQ]/.test(code) ? -1n : -1);
      for (const name of names) {
        const value = make(struct);
        value[name] = all(struct[name] as string);
        for (const other of names) expect([false, 0, 0n, '\0'].includes(value[other])).toBe(other !== name);
      }
    }
  });
});

describe('the lock', () => {
  test('has all its methods at the Value', async () => {
    const value = new Value('i');
    const lock = value.getLock();
    const seen = (): boolean => lock.locked();
    expect(await value.acquire({ timeout: 1000 })).toBe(true);
    expect(seen()).toBe(true);
    value.release();
    expect(value.withLockSync(seen)).toBe(true);
    expect(await value.withLock(async (guard) => guard.withLock(seen))).toBe(true);
    const guard = await value.hold();
    expect(seen()).toBe(true);
    guard.release();
    expect(seen()).toBe(false);
    expect((await failure(() => value.withLock(() => Promise.reject(new Error('inner'))))).message).toBe('inner');
    expect(seen()).toBe(false);
  });

  test('whose holder died is recovered through the Value', async () => {
    const pool = makePool(1);
    const value = new Value('i', 5);
    const die = (it: typeof value): never => {
      it.acquireSync();
      it.value = 6;
      process.exit(1);
    };
    await failure(() => pool.apply(die, [value]));
    expect(await failure(() => value.acquire())).toBeInstanceOf(OwnerDiedError);
    expect(thrown(() => value.withLockSync(() => 0))).toBeInstanceOf(OwnerDiedError);
    expect(value.add(1)).toBe(6);
    expect(await value.withLock((guard) => guard.recovered, { recover: true })).toBe(true);
    expect(value.acquireSync()).toBe(true);
    expect(value.getLock().recovered).toBe(false);
    value.release();
  });

  test('nothing takes it by itself', () => {
    const value = new Value('i', 1);
    value.acquireSync();
    value.value += 1;
    expect(value.add(1)).toBe(2);
    value.release();
    expect(value.value).toBe(3);
  });

  test('getObj gives the same value without it', () => {
    const value = new Value('d', 1);
    const obj = value.getObj();
    expect(obj).toBe(value.getObj());
    expect(obj).toBeInstanceOf(RawValue);
    obj.value = 2;
    expect(value.value).toBe(2);
    const point = new Value({ x: 'd' }).getObj();
    point.x = 1;
    expect([point.x, 'getLock' in point]).toEqual([1, false]);
  });
});

describe('in workers', () => {
  test('it arrives as the same Value at any depth, and comes back as the same', async () => {
    const pool = makePool(2);
    const value = new Value('i', 5);
    const given = { deep: [new Map([['v', value]]), new Set([value])], value };
    const look = (arg: typeof given) => {
      const [map, set] = arg.deep as [Map<string, typeof value>, Set<typeof value>];
      const same = map.get('v') === arg.value && set.has(arg.value);
      arg.value.value += 1;
      return { same, back: arg.value, obj: [arg.value] };
    };
    const result = await pool.apply(look, [given]);
    expect(result.same).toBe(true);
    expect(result.back).toBe(value);
    expect(result.obj[0]).toBe(value);
    expect(value.value).toBe(6);
    const results = await pool.map((it: typeof value) => it, [value, value, value], 1);
    expect(results.every((it) => it === value)).toBe(true);
    for await (const it of pool.imap((item: (typeof value)[]) => item[0], [[value], [value]])) expect(it).toBe(value);
  });

  test('all types, locks, structs and objects without a lock arrive as what they are', async () => {
    const pool = makePool(1);
    const lock = new Lock();
    const made = [
      ...['b', 'B', 'h', 'H', 'i', 'I', 'l', 'L', 'q', 'Q', 'f', 'd', 'c', '?'].map((code) => make(code)),
      new RawValue('h', -3),
      new Value('d', 0.5).getObj(),
      new Value({ x: 'd', 'odd ✓ name': 'c' }, { x: 0.5, 'odd ✓ name': '!' }),
      new Value({ x: 'd' }, { x: 7 }).getObj(),
      new Value('d', 1, { lock }),
      new Value('d', 2).getLock(),
      lock,
    ];
    const [facts, back] = await pool.apply(ref('values.mjs', 'look'), [made]);
    expect(facts).toEqual(made.map((it) => [inspect(it), 'getLock' in it, it.constructor.name]));
    for (const [i, it] of back.entries()) expect(it === made[i]).toBe(true);
  });

  test('one made in a worker outlives it', async () => {
    const pool = makePool(1);
    const { value, lock } = await pool.apply(ref('values.mjs', 'make'));
    await pool.terminate();
    expect(value).toBeInstanceOf(Value);
    expect(value.getLock()).toBe(lock);
    expect(value.add(1)).toBe(42);
    expect(value.withLockSync(() => value.value)).toBe(43);
  });

  test.each(['i', 'I', 'd', 'f', 'b', 'H'])('operations on a %s of several at once are all counted', async (code) => {
    const pool = makePool(3);
    const times = 5000;
    const value = make(code);
    await pool.starmap(
      ref('values.mjs', 'add'),
      [1, 2, 3].map((amount) => [value, amount, times]),
      1,
    );
    expect(value.value).toBe(make(code, 6 * times).value);
    await pool.starmap(
      ref('values.mjs', 'churn'),
      [1, 2, 3].map((amount) => [value, amount, times]),
      1,
    );
    expect(value.value).toBe(make(code, 6 * times).value);
  });

  test('64-bit operations of several at once are all counted', async () => {
    const pool = makePool(3);
    for (const code of ['q', 'Q'] as const) {
      const value = new Value(code, 2n ** 40n);
      await pool.starmap(
        ref('values.mjs', 'churn'),
        [1n, 2n ** 33n, 3n].map((amount) => [value, amount, 3000]),
        1,
      );
      expect(value.value).toBe(2n ** 40n);
    }
  });

  test('min and max of several at once find the extremes', async () => {
    const pool = makePool(3);
    for (const code of ['i', 'd'] as const) {
      const [low, high] = [new Value(code), new Value(code)];
      const calls = [1, 2, 3].map((seed) => [low, high, seed, 5000] as const);
      await pool.starmap(ref('values.mjs', 'extremes'), calls, 1);
      const [least, most] = [new Value(code), new Value(code)];
      for (const seed of [1, 2, 3]) {
        for (let i = 0, x = seed; i < 5000; i++) {
          x = (x * 16807) % 2147483647;
          least.value = Math.min(least.value, x - 2 ** 30);
          most.value = Math.max(most.value, x - 2 ** 30);
        }
      }
      expect([low.value, high.value]).toEqual([least.value, most.value]);
    }
  });

  test('exchange gives each value to one only', async () => {
    const pool = makePool(3);
    for (const code of ['i', 'd'] as const) {
      const value = new Value(code, -1);
      const claims = [1, 2].map(() => pool.apply(ref('values.mjs', 'claim'), [value, 60_000, -1]));
      const given: number[] = [];
      for (let next = 1; next <= 200; next++) {
        const old = value.exchange(next);
        if (old !== -1) given.push(old);
        if (next % 10 === 0) await new Promise((done) => setImmediate(done));
      }
      const all = [...(await Promise.all(claims)).flat(), ...given, value.value].filter((it) => it !== -1);
      expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    }
  });

  test('the lock makes steps of several operations one', async () => {
    const pool = makePool(3);
    const value = new Value('i');
    await pool.starmap(
      ref('values.mjs', 'increment'),
      [1, 2, 3].map(() => [value, 2000]),
      1,
    );
    expect(value.value).toBe(6000);
  });
});
