import { Lock, Array as PythonArray, RawArray, RawValue, RLock, SharedArray, Value } from 'manycore';
import { describe, expect, test } from 'vitest';
import { addon, collected, collectGarbage, makePool, numbers, ref, thrown } from '../helpers.js';

// biome-ignore lint/suspicious/noExplicitAny: the tests go through kinds of values
type Any = any;
const value = (code: unknown, init?: unknown, options?: object): Any => new Value(code as 'i', init as 0, options);
const array = (code: unknown, content: unknown, options?: object): Any =>
  new PythonArray(code as 'i', content as 0, options);

/** Typecode, first value, the one that the child writes. */
const codesValues = [
  ['i', 4343, 24234],
  ['d', 3.625, -4.25],
  ['h', -232, 234],
  ['q', 2n ** 33n, 2n ** 34n],
  ['c', 'x', 'y'],
] as const;

describe('TestValue', () => {
  test.each([
    ['Value', (code: string, init: unknown) => value(code, init)],
    ['RawValue', (code: string, init: unknown) => new RawValue(code as 'i', init as number) as Any],
  ])('84 test_value, test_rawvalue: %s', async (_, make) => {
    const pool = makePool(1);
    const values = codesValues.map(([code, first]) => make(code, first));
    for (const [i, [, first]] of codesValues.entries()) expect(values[i].value).toBe(first);
    const write = (list: Any[], news: unknown[]): void => {
      for (const [i, it] of list.entries()) it.value = news[i];
    };
    await pool.apply(write, [values, codesValues.map(([, , second]) => second)]);
    for (const [i, [, , second]] of codesValues.entries()) expect(values[i].value).toBe(second);
  });

  test('85 test_getobj_getlock', () => {
    for (const made of [
      value('i', 5),
      value('i', 5, {}),
      value('i', 5, { lock: undefined }),
      value('i', 5, { lock: true }),
    ]) {
      expect(made.getLock()).toBeInstanceOf(RLock);
      expect(made.getObj()).toBeInstanceOf(RawValue);
    }
    const lock = new Lock();
    const guarded = value('i', 5, { lock });
    expect(guarded.getLock()).toBe(lock);
    expect(guarded.getObj().value).toBe(5);
    for (const raw of [value('i', 5, { lock: false }), new RawValue('i', 5)]) {
      expect('getLock' in raw || 'getObj' in raw).toBe(false);
    }
    expect(thrown(() => value('i', 5, { lock: 'navalue' }))).toBeInstanceOf(TypeError);
  });

  test('86 test_invalid_typecode', () => {
    for (const make of [Value, RawValue, PythonArray, RawArray]) {
      const error = thrown(() => new (make as unknown as new (code: string, more: number) => unknown)('x', 1));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/^Bad typecode/);
    }
  });
});

describe('TestArray', () => {
  const seq = [680, 626, 934, 821, 150, 233, 548, 982, 714, 831];
  const prefixSums = (it: Int32Array): void => {
    for (let i = 1; i < it.length; i++) it[i] = (it[i] as number) + (it[i - 1] as number);
  };

  test.each([
    ['Array', () => new SharedArray('i', seq)],
    ['RawArray', () => new RawArray('i', seq)],
  ])('87 test_array, test_rawarray: %s', async (_, make) => {
    const arr = make();
    expect(arr.length).toBe(seq.length);
    expect(arr[3]).toBe(seq[3]);
    expect([...arr.slice(2, 7)]).toEqual(seq.slice(2, 7));
    arr.set(new Int32Array([1, 2, 3, 4]), 4);
    const expected = Int32Array.from(seq);
    expected.set([1, 2, 3, 4], 4);
    expect([...arr]).toEqual([...expected]);
    prefixSums(expected);
    await makePool(1).apply(prefixSums, [arr]);
    expect([...arr]).toEqual([...expected]);
  });

  test('88 test_array_from_size', async () => {
    for (let round = 0; round < 3; round++) {
      const zeros = array('i', 10);
      expect([...zeros]).toEqual(new Array(10).fill(0));
      zeros.set(numbers(10));
      expect([...zeros]).toEqual(numbers(10));
      await collectGarbage();
    }
    expect(thrown(() => array('i', -1))).toBeInstanceOf(RangeError);
  });

  test('89 test_getobj_getlock_obj', () => {
    for (const made of [array('i', numbers(10)), array('i', numbers(10), { lock: true })]) {
      expect(made.getLock()).toBeInstanceOf(RLock);
      expect([...made.getObj()]).toEqual(numbers(10));
    }
    const lock = new RLock();
    expect(array('i', 10, { lock }).getLock()).toBe(lock);
    for (const raw of [array('i', 10, { lock: false }), new RawArray('i', 10)]) {
      expect('getLock' in raw || 'getObj' in raw).toBe(false);
    }
    expect(thrown(() => array('i', 10, { lock: 'notalock' }))).toBeInstanceOf(TypeError);
  });
});

describe('TestSharedCTypes', () => {
  const foo = { x: 'i', y: 'd', z: 'q' } as const;

  test.each([false, true])('90 test_sharedctypes, test_synchronize: lock %s', async (lock) => {
    const options = { lock };
    const x = value('i', 7, options);
    const y = value('d', 1 / 3, options);
    const z = value('q', 2n ** 33n, options);
    const struct = value(foo, { x: 3, y: 2, z: 2n ** 33n }, options);
    const arr = array('d', numbers(10), options);
    const text = array('c', 20, options);
    text.set(Buffer.from('hello'));
    const double = (...all: Any[]): void => {
      const [a, b, c, s, list, chars] = all;
      a.value *= 2;
      b.value *= 2;
      c.value *= 2n;
      s.x *= 2;
      s.y *= 2;
      s.z *= 2n;
      for (let i = 0; i < list.length; i++) list[i] *= 2;
      const end = chars.indexOf(0);
      chars.copyWithin(end, 0, end);
    };
    await makePool(1).apply(double, [x, y, z, struct, arr, text]);
    expect([x.value, y.value, z.value]).toEqual([14, (1 / 3) * 2, 2n ** 34n]);
    expect(struct.value).toEqual({ x: 6, y: 4, z: 2n ** 34n });
    expect([...arr]).toEqual(numbers(10).map((i) => 2 * i));
    expect(Buffer.from(text.slice(0, 11)).toString('latin1')).toBe('hellohello\0');
  });

  test('91 test_copy', () => {
    const original = new Value(foo, { x: 2, y: 5, z: 2n ** 33n });
    const copy = new Value(foo, original.value);
    const list = new SharedArray('i', [1, 2]);
    const lists = [new SharedArray('i', list), list.slice()];
    original.value = { x: 0, y: 0, z: 0n };
    list.fill(0);
    expect(copy.value).toEqual({ x: 2, y: 5, z: 2n ** 33n });
    for (const it of lists) expect([...it]).toEqual([1, 2]);
  });
});

/** Garbage with cycles, which only the collector frees. In a function of its own, so that nothing of it is left. */
async function dropCycles(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const cycle: { self?: unknown; value: unknown } = { value: new RawArray('d', 1 + (i % 50)) };
    cycle.self = cycle;
    if (i % 1000 === 0) await collectGarbage();
  }
}

describe('TestHeap', () => {
  test('92 test_heap', async () => {
    await collected(() => addon.objectCount() === 0);
    const before = addon.blocksInUse();
    /** In a function of its own, so that nothing of it is left. */
    const churn = async (): Promise<void> => {
      const kept: Uint8Array[] = [];
      let seed = 1;
      const random = (below: number): number => {
        seed = (seed * 16807) % 2147483647;
        return seed % below;
      };
      for (let i = 0; i < 5000; i++) {
        const size = Math.floor(2 ** (random(1600) / 100));
        kept.push(new RawArray('B', size).fill(i % 251));
        if (kept.length > 50) {
          const [gone] = kept.splice(random(kept.length), 1);
          // All bytes are what they were: no two blocks touch.
          const [first] = gone as Uint8Array;
          if (gone?.some((byte) => byte !== first)) throw new Error(`an Array of ${gone.length} bytes was overwritten`);
        }
        if (i % 500 === 0) await collectGarbage();
      }
      expect(kept.every((it) => it.every((byte) => byte === it[0]))).toBe(true);
    };
    await churn();
    await collected(() => addon.objectCount() === 0);
    expect(addon.blocksInUse()).toBe(before);
  });

  test('93 test_free_from_gc', async () => {
    const pool = makePool(2);
    const workers = [1, 2].map(() => pool.apply(ref('values.mjs', 'makeAndDrop'), [500]));
    await dropCycles(20_000);
    expect(await Promise.all(workers)).toEqual([2000, 2000]);
    await pool.terminate();
    await collected(() => addon.objectCount() === 0);
    expect(addon.objectCount()).toBe(0);
  });
});

test('a d Value and an i Array of ten, changed in a worker and seen outside', async () => {
  const num = new Value('d', 0);
  const arr = new PythonArray('i', numbers(10));
  const change = (n: { value: number }, a: Int32Array): void => {
    n.value = 2.75;
    for (let i = 0; i < a.length; i++) a[i] = -(a[i] as number);
  };
  await makePool(1).apply(change, [num, arr]);
  expect(num.value).toBe(2.75);
  expect([...arr]).toEqual([0, -1, -2, -3, -4, -5, -6, -7, -8, -9]);
});

test('a Value and an Array with a Lock, 100 increments from each of several workers', async () => {
  const pool = makePool(4);
  const lock = new Lock();
  const counter = new Value('i', 0, { lock });
  const list = new PythonArray('i', 4, { lock });
  const work = (n: Any, a: Any): void => {
    for (let i = 0; i < 100; i++) {
      n.withLockSync(() => {
        n.value += 1;
        for (let k = 0; k < a.length; k++) a[k] += 1;
      });
    }
  };
  await Promise.all(numbers(4).map(() => pool.apply(work, [counter, list])));
  expect([counter.value, ...list]).toEqual([400, 400, 400, 400, 400]);
});
