import { StateError } from 'manycore';
import { type Shareable, ShareableList, SharedMemory } from 'manycore/shared-memory';
import { describe, expect, test } from 'vitest';
import { thrown } from '../helpers.js';
import { hasPython, isThere, makeBlock, newName, python, unlinkAfterwards } from '../named.js';

function makeList(values: Iterable<Shareable>, name?: string): ShareableList {
  const list = ShareableList.create(values, { name });
  unlinkAfterwards(list.shm);
  return list;
}

const bytesOf = (shm: SharedMemory): Buffer => Buffer.from(Buffer.from(shm.buffer));
const word = (value: number): string => Buffer.from(new BigInt64Array([BigInt(value)]).buffer).toString('latin1');
const nul = (count: number): string => '\0'.repeat(count);

describe('the bytes', () => {
  const mixed = ['abcdefgh', 'é', new Uint8Array([1, 2]), -2, 2.5, true, null, ''];

  test('they are those of CPython: count, offsets, values, formats, codes', () => {
    const { shm } = makeList(mixed);
    const float = Buffer.from(new Float64Array([2.5]).buffer).toString('latin1');
    const values = `abcdefgh${nul(8)}\xc3\xa9${nul(6)}\x01\x02${nul(6)}${word(-2)}${float}${nul(7)}\x01${nul(16)}`;
    const formats = ['16s', '8s', '8s', 'q', 'd', 'xxxxxxx?', 'xxxxxx?x', '8s'].map((it) => it.padEnd(8, '\0'));
    const offsets = [0, 16, 24, 32, 40, 48, 56, 64, 72].map(word);
    const expected = [word(8), ...offsets, values, ...formats, '\x01\x01\x02\0\0\0\x03\x01'].join('');
    expect(bytesOf(shm).toString('latin1')).toBe(expected);
    expect(shm.size).toBe(expected.length);
  });

  test.skipIf(!hasPython)('Python makes the same', async () => {
    const hex = await python(`
values = ShareableList(['abcdefgh', 'é', b'\\x01\\x02', -2, 2.5, True, None, ''])
print(bytes(values.shm.buf).hex())
values.shm.unlink()
`);
    expect(bytesOf(makeList(mixed).shm).toString('hex')).toBe(hex);
  });

  test.skipIf(!hasPython)('and the same again after every kind of change', async () => {
    const list = makeList([...mixed, 7]);
    const same = makeList([...mixed, 7]);
    const changes: [number, Shareable, string][] = [
      [0, 5, '5'],
      [0, 'xyz', "'xyz'"],
      [0, new Uint8Array(16).fill(7), "b'\\x07' * 16"],
      [1, null, 'None'],
      [2, '€€', "'€€'"],
      [3, 'short', "'short'"],
      [4, false, 'False'],
      [5, -1.5, '-1.5'],
      [6, 2n ** 62n, '2 ** 62'],
      [7, '', "''"],
      [8, new Uint8Array([0, 0]), "b'\\0\\0'"],
    ];
    for (const [index, value] of changes) list.set(index, value);
    const lines = changes.map(([index, , value]) => `values[${index}] = ${value}`).join('\n');
    await python(`values = attach_list()\n${lines}`, same.shm.name);
    expect(bytesOf(list.shm).toString('hex')).toBe(bytesOf(same.shm).toString('hex'));
    expect([...list]).toEqual([...same]);
  });

  test('a list whose letters need more bytes than it has letters keeps them all', () => {
    const text = '€'.repeat(8);
    const list = makeList([text, 1]);
    expect(list.format).toBe('32sq');
    expect([...list]).toEqual([text, 1]);
  });

  test('numbers: integers are ints, −0 and fractions floats, large ints bigints', () => {
    const values = [2 ** 53 - 1, 2n ** 63n - 1n, -(2n ** 63n), -0, 1e300, Number.NaN, 2 ** 60, 5n];
    const list = makeList(values);
    expect(list.format).toBe('qqqddddq');
    expect([...list]).toEqual([...values.slice(0, -1), 5]);
    expect(list.count(5n) + list.count(5)).toBe(2);
    expect(list.index(2n ** 60n)).toBe(6);
    expect(list.count(Number.NaN)).toBe(0);
  });
});

describe('arguments', () => {
  test('values that no list can hold are refused by place, and leave nothing', () => {
    const refused: [unknown, unknown][] = [
      [undefined, TypeError],
      [{}, TypeError],
      [Symbol('x'), TypeError],
      [2n ** 63n, RangeError],
      ['\udc00', RangeError],
      [new Uint8Array(10_000_000), RangeError],
    ];
    for (const [value, kind] of refused) {
      const name = newName();
      const error = thrown(() => ShareableList.create([1, value as Shareable], { name }));
      expect(error).toBeInstanceOf(kind);
      expect(error.message).toContain('`values[1]`');
      expect(isThere(name)).toBe(false);
    }
    const list = makeList([1]);
    expect(thrown(() => list.set(0, undefined as never)).message).toContain('`value`');
    expect(thrown(() => ShareableList.create(7 as never)).message).toContain('`values`');
    expect(thrown(() => ShareableList.create([], { size: 8 } as never))).toBeInstanceOf(TypeError);
  });

  test('the longest strings', () => {
    const list = makeList([new Uint8Array(9_999_991).fill(1), 2]);
    expect(list.format).toBe('9999992sq');
    expect((list.get(0) as Uint8Array).length).toBe(9_999_991);
  });

  test('a block that holds no list is refused, and not kept', () => {
    for (const [at, value] of [
      [0, 1],
      [0, -1],
      [0, 100],
      [1, 10 ** 6],
    ] as const) {
      const { name, buffer } = makeBlock({ size: 40 });
      new BigInt64Array(buffer)[at] = BigInt(value);
      if (at === 1) new BigInt64Array(buffer)[0] = 0n;
      const error = thrown(() => ShareableList.attach(name));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain('no ShareableList');
    }
    expect(thrown(() => ShareableList.attach(makeBlock({ size: 8 }).name))).toBeInstanceOf(RangeError);
  });

  test('a slot whose format is broken is refused, and the others are not', () => {
    const list = makeList(['a', 2]);
    const bytes = new Uint8Array(list.shm.buffer);
    for (const format of ['99s', 's', '-1s', 'Zs', 'i', '']) {
      bytes.set(Buffer.from(format.padEnd(8, '\0')), 8 * 4 + 16);
      expect(thrown(() => list.get(0))).toBeInstanceOf(RangeError);
      expect(list.get(1)).toBe(2);
    }
    list.set(0, 'b');
    expect([...list]).toEqual(['b', 2]);
  });

  test('a list whose block is closed says so', () => {
    const list = makeList([1, 2]);
    list.shm.close();
    for (const use of [() => list.get(0), () => list.set(0, 1), () => [...list], () => list.format]) {
      expect(thrown(use)).toBeInstanceOf(StateError);
    }
    expect(list.length).toBe(2);
  });

  test('the constructor is not for users, and the class has its name', () => {
    const Class = ShareableList as unknown as new () => ShareableList;
    expect(thrown(() => new Class()).message).toContain('ShareableList.create');
    expect(ShareableList.name).toBe('ShareableList');
    expect(makeList([1]).shm).toBeInstanceOf(SharedMemory);
  });
});
