import { inspect } from 'node:util';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { Array as ArrayAlias, RawArray, type RLock, range, SharedArray } from 'manycore';
import { describe, expect, test } from 'vitest';
import { Gate, makePool, pass, ref, thrown } from '../helpers.js';

// biome-ignore lint/suspicious/noExplicitAny: the tests give every code, and also wrong values
const make = (code: unknown, content: unknown, options?: object): any =>
  new SharedArray(code as 'i', content as 0, options);

const types = [
  { codes: ['b', 'int8'], Plain: Int8Array },
  { codes: ['B', 'uint8', 'c'], Plain: Uint8Array },
  { codes: ['h', 'int16'], Plain: Int16Array },
  { codes: ['H', 'uint16'], Plain: Uint16Array },
  { codes: ['i', 'l', 'int32'], Plain: Int32Array },
  { codes: ['I', 'L', 'uint32'], Plain: Uint32Array },
  { codes: ['q', 'int64'], Plain: BigInt64Array },
  { codes: ['Q', 'uint64'], Plain: BigUint64Array },
  { codes: ['f', 'float32'], Plain: Float32Array },
  { codes: ['d', 'float64'], Plain: Float64Array },
].flatMap(({ codes, Plain }) => codes.map((code) => ({ code, Plain })));

/** Whether this runtime can make a SharedArrayBuffer over memory of the addon. */
const external = new SharedArray('b', 1).buffer instanceof SharedArrayBuffer;

describe.each(types)('an Array of type $code', ({ code, Plain }) => {
  const n = (value: number): number | bigint => (Plain.name.startsWith('Big') ? BigInt(value) : value);
  const list = (...values: number[]) => values.map(n);

  test('is a typed array over exactly its own bytes', () => {
    const array = make(code, 5);
    expect(array).toBeInstanceOf(Plain);
    expect(array).toBeInstanceOf(SharedArray);
    expect(ArrayBuffer.isView(array)).toBe(true);
    expect([...array]).toEqual(list(0, 0, 0, 0, 0));
    expect([array.length, array.byteOffset, array.byteLength]).toEqual([5, 0, 5 * Plain.BYTES_PER_ELEMENT]);
    expect(array.buffer.byteLength).toBe(array.byteLength);
    expect(array.BYTES_PER_ELEMENT).toBe(Plain.BYTES_PER_ELEMENT);
    array[1] = n(7);
    array.fill(n(3), 3);
    expect([...array]).toEqual(list(0, 7, 0, 3, 3));
    expect(array.at(-1)).toBe(n(3));
    expect(array.indexOf(n(7))).toBe(1);
    expect(array[5]).toBe(undefined);
    expect(Object.prototype.toString.call(array)).toBe(`[object ${Plain.name}]`);
  });

  test('begins with what it is given', () => {
    for (const content of [
      list(1, 2, 3),
      new Set(list(1, 2, 3)),
      new Plain(list(1, 2, 3) as never),
      make(code, list(1, 2, 3)),
    ]) {
      expect([...make(code, content)]).toEqual(list(1, 2, 3));
    }
    const endless = {
      *[Symbol.iterator]() {
        yield* list(4, 5);
      },
    };
    expect([...make(code, endless)]).toEqual(list(4, 5));
    for (const empty of [0, [], new Set(), new Plain(0)]) {
      const array = make(code, empty);
      expect([array.length, array.byteOffset, array.buffer.byteLength, [...array]]).toEqual([0, 0, 0, []]);
    }
  });

  test('slice, map, filter and subarray give ordinary arrays', () => {
    const array = make(code, list(1, 2, 3));
    const parts = [array.slice(), array.map((x: number) => x), array.filter(() => true)];
    for (const part of parts) {
      expect(Object.getPrototypeOf(part)).toBe(Plain.prototype);
      expect(part).not.toBeInstanceOf(SharedArray);
      part[0] = n(9);
    }
    expect(array[0]).toBe(n(1));
    const sub = array.subarray(1);
    expect(Object.getPrototypeOf(sub)).toBe(Plain.prototype);
    sub[0] = n(9);
    expect(array[1]).toBe(n(9));
  });

  test('sorts in place', () => {
    const array = make(code, list(3, 1, 2, 30, 20, 10));
    expect(array.sort()).toBe(array);
    expect([...array]).toEqual(list(1, 2, 3, 10, 20, 30));
    array.sort((a: number, b: number) => (a < b ? 1 : a > b ? -1 : 0));
    expect([...array]).toEqual(list(30, 20, 10, 3, 2, 1));
    expect([...array.toSorted()]).toEqual(list(1, 2, 3, 10, 20, 30));
    expect(thrown(() => array.sort(5))).toBeInstanceOf(TypeError);
  });

  test('getObj is the plain typed array over the same bytes', () => {
    const array = make(code, list(1, 2));
    const plain = array.getObj();
    expect(Object.getPrototypeOf(plain)).toBe(Plain.prototype);
    expect(plain.buffer).toBe(array.buffer);
    expect(array.getObj()).toBe(plain);
    plain[1] = n(5);
    expect(array[1]).toBe(n(5));
  });

  test('arrives in a worker as the same Array, at any depth', async () => {
    const pool = makePool(1);
    const array = make(code, list(1, 2, 3));
    const raw = make(code, list(1, 2, 3), { lock: false });
    const given = [array, raw];
    const [facts, back] = await pool.apply(ref('values.mjs', 'look'), [given]);
    expect(facts).toEqual(given.map((it) => [inspect(it), 'getLock' in it, it.constructor.name]));
    expect(back[0] === array && back[1] === raw).toBe(true);
    if (Plain.name.startsWith('Big')) return;
    await pool.apply(ref('values.mjs', 'double'), [array]);
    expect([...array]).toEqual(list(2, 4, 6));
  });
});

test('bad typecodes, sizes and contents are errors that name the argument', () => {
  for (const code of ['x', 'u', '?', '', null, { x: 'i' }]) {
    const error = thrown(() => make(code, 1));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/^Bad typecode/);
  }
  for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -0.5]) {
    const error = thrown(() => make('i', size));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain('Expected `sizeOrIterable` to be an integer from 0 up, got');
  }
  for (const content of [undefined, null, 'text', true, 5n, {}, () => 1, new ArrayBuffer(4), Symbol('x')]) {
    const error = thrown(() => make('i', content));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('`sizeOrIterable`');
  }
  for (const [code, content] of [
    ['i', [1n]],
    ['q', [1]],
    ['d', new BigInt64Array(1)],
    ['Q', new Float64Array(1)],
  ]) {
    expect(thrown(() => make(code, content)).message).toMatch(/^`sizeOrIterable` cannot be the content of an Array of/);
  }
  const broken = {
    *[Symbol.iterator]() {
      yield 1;
      throw new Error('broken');
    },
  };
  expect(thrown(() => make('i', broken)).message).toBe('broken');
  expect(thrown(() => make('d', 2 ** 40))).toBeInstanceOf(RangeError);
  expect(thrown(() => make('b', 2 ** 32 - 1))).toBeInstanceOf(RangeError);
  expect(thrown(() => make('i', 1, { lock: 'navalue' })).message).toContain('Expected `lock` to be');
  expect(thrown(() => (SharedArray as unknown as () => void)()).message).toBe(
    '`SharedArray` is a class: call it with `new`',
  );
  expect(thrown(() => new (RawArray as unknown as typeof SharedArray)('i', 1, { lock: true })).message).toContain(
    '`options`',
  );
  expect(thrown(() => new (make('i', 1).constructor)(64))).toBeInstanceOf(TypeError);
});

test('elements convert as in any typed array', () => {
  const array = make('i', [1.9, '7', -(2 ** 31) - 1]);
  expect([...array]).toEqual([1, 7, 2 ** 31 - 1]);
  array[0] = 'x';
  expect(array[0]).toBe(0);
  const floats = new SharedArray('d', new Int8Array([1, -2]));
  expect([...floats]).toEqual([1, -2]);
});

test('a c takes a string of Latin-1 characters', () => {
  expect(Buffer.from(new SharedArray('c', 'héÿ').buffer as ArrayBuffer)).toEqual(Buffer.from([104, 233, 255]));
  expect([...new SharedArray('c', Buffer.from('ab'))]).toEqual([97, 98]);
  expect(thrown(() => make('c', 'Ā'))).toBeInstanceOf(TypeError);
});

test('the alias is the class, and points to the global for what it has not', () => {
  expect(ArrayAlias).toBe(SharedArray);
  const array = new ArrayAlias('d', 3);
  for (const owner of [ArrayAlias, RawArray, array.constructor]) {
    for (const method of ['from', 'of', 'isArray']) {
      const error = thrown(() => (owner as unknown as Record<string, () => void>)[method]?.());
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(
        `The \`Array\` of manycore has no \`${method}\`; the global one is \`globalThis.Array.${method}\``,
      );
    }
  }
  expect(globalThis.Array.isArray(array)).toBe(false);
  expect([1] instanceof SharedArray).toBe(false);
  expect(array.getObj() instanceof SharedArray).toBe(false);
  expect((null as unknown) instanceof SharedArray).toBe(false);
  expect(inspect(array)).toBe('SharedArray(3) [Float64Array] [ 0, 0, 0 ]');
  for (const symbol of [Symbol.dispose, Symbol.asyncDispose]) expect(symbol in array).toBe(false);
});

describe('the lock', () => {
  test('is the same lock everywhere', async () => {
    const pool = makePool(1);
    const array = new SharedArray('i', 1);
    await array.acquire();
    const isLocked = (it: typeof array) => [it.getLock().locked(), it.acquireSync({ timeout: 1 })];
    expect(await pool.apply(isLocked, [array])).toEqual([true, false]);
    array.release();
    expect(await pool.apply((it: RLock) => [it.locked(), it.tryAcquire(), it.release()][0], [array.getLock()])).toBe(
      false,
    );
  });
});

describe('views of an Array', () => {
  test('arrive as views of the same bytes', async () => {
    const pool = makePool(1);
    const array = new SharedArray('i', [1, 2, 3, 4]);
    const views = {
      sub: array.subarray(1, 3),
      obj: array.getObj(),
      bytes: new Uint8Array(array.buffer, 4, 8),
      data: new DataView(array.buffer, 8),
      node: Buffer.from(array.buffer as ArrayBuffer, 0, 4),
      buffer: array.buffer,
      array,
    };
    const facts = await pool.apply(
      (it: typeof views) => {
        it.sub[0] = 20;
        it.node[0] = 10;
        it.data.setInt32(0, 30, true);
        const all = [it.sub, it.obj, it.bytes, it.data, it.node].map((view) => view.buffer === it.buffer);
        return { all, same: it.array.buffer === it.buffer, at: it.sub.byteOffset, length: it.sub.length };
      },
      [views],
    );
    expect(facts).toEqual({ all: [true, true, true, true, true], same: true, at: 4, length: 2 });
    expect([...array]).toEqual([10, 20, 30, 4]);
    const back = await pool.apply((it: typeof views) => [it.sub, it.buffer] as const, [views]);
    expect(back[1]).toBe(array.buffer);
    expect(back[0].buffer).toBe(array.buffer);
    expect(Object.getPrototypeOf(back[0])).toBe(Int32Array.prototype);
  });

  test('keep it alive', async () => {
    const pool = makePool(1);
    const { array, part } = await pool.apply(ref('values.mjs', 'make'));
    await pool.terminate();
    expect([...array]).toEqual([1, 2, 3]);
    part[0] = 5;
    expect([part.length, part[0], part.buffer.byteLength]).toEqual([2, 5, 20]);
  });

  test('listing its buffer as moved moves nothing', async () => {
    const pool = makePool(1);
    const array = new SharedArray('i', [1, 2]);
    const transfer = [array.buffer as ArrayBuffer];
    const outcome = await pool
      .apply(ref('values.mjs', 'double'), [array], { transfer })
      .catch((error: unknown) => error);
    if (outcome !== undefined) expect(outcome).toBeInstanceOf(TypeError);
    expect([array.length, array[0], array.buffer.byteLength]).toEqual([2, outcome === undefined ? 2 : 1, 8]);
  });

  test('structuredClone and postMessage share its buffer where it is a SharedArrayBuffer, and copy it elsewhere', () => {
    const array = new SharedArray('i', [1, 2]);
    const clone = structuredClone(array);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(array);
    const posted = receiveMessageOnPort(port2)?.message;
    array[0] = 10;
    for (const copy of [clone, posted]) {
      expect(Object.getPrototypeOf(copy)).toBe(Int32Array.prototype);
      expect([...copy]).toEqual([external ? 10 : 1, 2]);
    }
  });
});

describe('map', () => {
  test.each(['b', 'H', 'i', 'f', 'd'] as const)('reads an Array of %s in place', async (code) => {
    const pool = makePool(2);
    const array = new SharedArray(code, 1000);
    for (const i of range(1000)) array[i] = i % 100;
    const expected = [...array].map((x) => x + 1);
    expect([...(await pool.map((x: number) => x + 1, array))]).toEqual(expected);
    expect([...(await pool.map((x: number) => x + 1, array.subarray(500)))]).toEqual(expected.slice(500));
  });

  test('what changes before an item is read is seen: nothing was copied', async () => {
    const pool = makePool(1);
    const array = new SharedArray('i', [1, 2, 3, 4]);
    const gate = new Gate();
    const blocked = pool.apply(pass, [gate.shared]);
    await gate.reached();
    const results = [pool.map((x: number) => x, array), pool.map((x: number) => x, array.subarray(2))];
    array.fill(5);
    gate.open();
    await blocked;
    expect((await Promise.all(results)).map((it) => [...it])).toEqual([
      [5, 5, 5, 5],
      [5, 5],
    ]);
  });

  test('64-bit Arrays are items, too', async () => {
    const pool = makePool(1);
    const doubled = await pool.map((x: bigint) => x * 2n, new SharedArray('q', [1n, 2n ** 40n]));
    expect(doubled).toEqual(new BigInt64Array([2n, 2n ** 41n]));
  });

  test('works in the inline context', async () => {
    const pool = makePool({ context: 'inline' });
    const array = new SharedArray('d', [1, 2, 3]);
    expect([...(await pool.map((x: number) => x * 2, array))]).toEqual([2, 4, 6]);
    expect(await pool.apply((it: Float64Array) => it, [array])).toBe(array);
    await pool.apply(ref('values.mjs', 'double'), [array.subarray(1)]);
    expect([...array]).toEqual([1, 4, 6]);
  });
});
