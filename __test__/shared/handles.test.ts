import { Queue, RawArray, RawValue, type RLock, SerializationError, SharedArray, Value } from 'manycore';
import { describe, expect, test } from 'vitest';
import { addon, collected, collectGarbage, failure, makePool, ref, sleep } from '../helpers.js';

/** Where the buffer of an Array is no SharedArrayBuffer, a worker keeps it until the worker ends. */
const kept = !(new RawArray('b', 1).buffer instanceof SharedArrayBuffer);
const COUNT = 20_000;

/** Everything that earlier tests left is gone. */
const nothing = (): Promise<void> => collected(() => addon.objectCount() === 0);

const kinds: [string, () => unknown][] = [
  ['Values', () => new Value('d', 1.5)],
  ['Values with all that they give', () => new Value('i').getLock()],
  ['structs', () => new Value({ x: 'd', y: 'i' }).getObj()],
  ['small Arrays', () => new SharedArray('i', 4)],
  ['views of Arrays', () => new SharedArray('i', 4).subarray(1)],
  ['empty Arrays', () => new RawArray('i', 0)],
  ['Arrays with the lock of a Value', () => new SharedArray('d', 1, { lock: new Value('i').getLock() })],
];

test.each(kinds)('%s, made and dropped, leave the region at its size', async (_, make) => {
  await nothing();
  const before = addon.blocksInUse();
  for (let i = 0; i < COUNT; i++) {
    make();
    if (i % 500 === 0) await new Promise((done) => setImmediate(done));
  }
  await nothing();
  expect(addon.blocksInUse()).toBe(before);
});

/** In a function of its own: what its variables hold is garbage when it has ended. */
async function large(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const array = new SharedArray('d', 2 ** 20);
    array[2 ** 20 - 1] = 1;
    if (round % 10 === 9) await collected(() => addon.objectCount() < 10);
  }
}

test('large Arrays give their memory back', async () => {
  await nothing();
  const before = addon.blocksInUse();
  await large(50);
  await nothing();
  expect(addon.blocksInUse()).toBe(before);
});

async function endHolding(end: 'terminate' | 'close' | 'exit'): Promise<void> {
  const pool = makePool({ processes: 2, maxRestarts: { count: 100, within: 1 } });
  const value = new Value('i', 7);
  const array = new SharedArray('i', [1, 2]);
  const given = [
    [value, array],
    [value, array.subarray(1)],
  ];
  await pool.map(ref('values.mjs', 'keep'), given, 1);
  const mine = await pool.apply(ref('values.mjs', 'make'));
  if (end === 'exit') await pool.apply(() => process.exit(1)).catch(() => {});
  if (end === 'terminate') await pool.terminate();
  else pool.close();
  await pool.join();
  expect([value.value, array[1], mine.value.value, mine.array[2]]).toEqual([7, 2, 42, 3]);
}

/** Calls that are given objects which only their messages keep alive. */
async function sendAndDrop(): Promise<void> {
  const pool = makePool(1);
  const read = (value: Value<'i'>, list: Int32Array): number => value.value + (list[0] as number);
  const calls = Array.from({ length: 200 }, (_, i) =>
    pool.apply(read, [new Value('i', i), new SharedArray('i', [i]).subarray(0)]),
  );
  for (let i = 0; i < 5; i++) await collectGarbage();
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 200 }, (_, i) => 2 * i));
  await pool.terminate();
}

/** Calls that are aborted, that fail before or after they were sent, and one of which nobody reads the result. */
async function failing(): Promise<void> {
  const pool = makePool(1);
  const signal = AbortSignal.timeout(20);
  const slow = (value: Value<'i'>): Value<'i'> => {
    for (const end = Date.now() + 50; Date.now() < end; );
    return value;
  };
  const aborted = Array.from({ length: 50 }, () => pool.apply(slow, [new Value('i')], { signal }).catch(() => {}));
  const unsendable = failure(() => pool.apply((it: unknown) => it, [[new Value('i'), Symbol('no')]]));
  const throwing = (value: Value<'i'>): never => {
    throw Object.assign(new Error('with a value'), { value });
  };
  const thrown = await failure(() => pool.apply(throwing, [new Value('i', 3)]));
  expect(thrown.value.value).toBe(3);
  expect(await unsendable).toBeInstanceOf(SerializationError);
  await Promise.all(aborted);
  void pool.apply(slow, [new Value('i')]).catch(() => {});
  await pool.terminate();
}

async function terminateBusy(ms: number): Promise<void> {
  const pool = makePool(2);
  await pool.ready();
  const calls = [1, 2].map(() => failure(() => pool.apply(ref('values.mjs', 'makeAndDrop'), [1e6])));
  await sleep(ms);
  await pool.terminate();
  await Promise.all(calls);
}

/** Puts objects that only the queue keeps alive then. */
async function putAndDrop(queue: Queue, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const value = new Value('i', i);
    await queue.put({ value, lock: value.getLock(), part: new SharedArray('i', [0, i]).subarray(1) });
  }
}

async function take(queue: Queue, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const { value, lock, part } = (await queue.get()) as { value: Value<'i'>; lock: RLock; part: Int32Array };
    expect([value.value, value.getLock() === lock, part[0]]).toEqual([i, true, i]);
  }
}

async function throughQueue(): Promise<void> {
  const queue = new Queue();
  await putAndDrop(queue, 50);
  for (let i = 0; i < 5; i++) await collectGarbage();
  await take(queue, 0, 20);
  await collected(() => addon.objectCount() <= 1 + 30 * 2);
  await take(queue, 20, 30);
}

test('items of a queue live until they are taken, and end with the queue', async () => {
  await nothing();
  await throughQueue();
  await nothing();
  expect(addon.objectCount()).toBe(0);
});

describe('workers', () => {
  test('let go of what they made and dropped', async () => {
    await nothing();
    const pool = makePool(1);
    await pool.apply(ref('values.mjs', 'makeAndDrop'), [2000]);
    if (kept) await pool.terminate();
    // Tasks of the worker allocate, so that it collects garbage.
    const litter = (): number => Array.from({ length: 100_000 }, (_, i) => ({ i })).length;
    while (addon.objectCount() > 0) await (kept ? collectGarbage() : pool.apply(litter));
    expect(addon.objectCount()).toBe(0);
  });

  test.each(['terminate', 'close', 'exit'] as const)('let go of all when they end by %s', async (end) => {
    await nothing();
    await endHolding(end);
    await nothing();
    expect(addon.objectCount()).toBe(0);
  });

  test('what only a message names lives until it is read', async () => {
    await nothing();
    await sendAndDrop();
    await nothing();
    expect(addon.objectCount()).toBe(0);
  });

  test('calls that are aborted or fail keep nothing', async () => {
    await nothing();
    await failing();
    await nothing();
    expect(addon.objectCount()).toBe(0);
  });

  test('terminated in the middle of making them, they leave nothing', async () => {
    await nothing();
    const before = addon.blocksInUse();
    for (let round = 0; round < 10; round++) await terminateBusy(5 + round * 10);
    await nothing();
    expect(addon.blocksInUse()).toBe(before);
  });
});

test('an object that is still reachable stays', async () => {
  const value = new RawValue('i', 1);
  const part = new RawArray('i', [1, 2, 3]).subarray(2);
  for (let i = 0; i < 5; i++) await collectGarbage();
  for (let i = 0; i < 1000; i++) new RawArray('i', [9, 9, 9]).fill(9);
  for (let i = 0; i < 5; i++) await collectGarbage();
  expect([value.value, part[0]]).toEqual([1, 3]);
});
