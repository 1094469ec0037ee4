import { Queue, QueueFullError, QueueShutDownError, SerializationError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { collect, failure, makePool, numbers, ref, sleep, thrown, until, watch } from '../helpers.js';

const task = (name: string) => ref('queues.mjs', name);

describe('B61 many producers and consumers on threads', () => {
  const PRODUCERS = ['produce', 'produceMany', 'produceLater', 'produceAtOnce'];
  const CONSUMERS = ['consume', 'consumeMany', 'consumeLater', 'consumeMixed'];
  const EACH = 400;

  test.each([0, 1, 16])('every value once, in the order of its producer (maxSize %i)', async (maxSize) => {
    const pool = makePool(8);
    const queue = new Queue<[number, number]>(maxSize);
    const consumed = CONSUMERS.map((name) => pool.apply(task(name), [queue]));
    await Promise.all(PRODUCERS.map((name, id) => pool.apply(task(name), [queue, id, EACH])));
    queue.shutdown();
    const lists = (await Promise.all(consumed)) as [number, number][][];
    // Order: each consumer that is one loop sees the values of one producer in their order.
    for (const list of lists.slice(0, 3)) {
      for (const id of PRODUCERS.keys()) {
        const own = list.filter(([from]) => from === id).map(([, i]) => i);
        expect(own).toEqual([...own].sort((a, b) => a - b));
      }
    }
    const all = lists.flat();
    for (const id of PRODUCERS.keys()) {
      const own = all.filter(([from]) => from === id).map(([, i]) => i);
      expect(own.sort((a, b) => a - b)).toEqual(numbers(EACH));
    }
    expect(all.length).toBe(PRODUCERS.length * EACH);
  });

  test('B61 a full queue blocks its sender, an empty one its receiver', async () => {
    const pool = makePool(2);
    const queue = new Queue<number>(1);
    const received = watch(pool.apply(task('getSync'), [queue]));
    await until(() => pool.stats().running === 1);
    await sleep(5);
    expect(received.settled).toBe(0);
    await queue.put(1);
    await until(() => received.settled === 1);
    expect(received.value).toBe(1);
    await queue.put(2);
    const sent = watch(pool.apply(task('putSync'), [queue, 3]));
    await until(() => pool.stats().running === 1);
    await sleep(5);
    expect(sent.settled).toBe(0);
    expect(await queue.get()).toBe(2);
    await until(() => sent.settled === 1);
    expect(await queue.get()).toBe(3);
  });
});

describe('shutdown', () => {
  test('B61 wakes all who wait, of both kinds, here and elsewhere', async () => {
    for (const immediate of [false, true]) {
      const pool = makePool(4);
      const full = new Queue<number>(1);
      full.putSync(0);
      const empty = new Queue<number>();
      const waits = [
        full.put(1),
        pool.apply(task('putSync'), [full, 1]),
        pool.apply(task('put'), [full, 1]),
        empty.get(),
        pool.apply(task('getSync'), [empty]),
        pool.apply(task('get'), [empty]),
      ].map((wait) => failure(() => wait));
      await until(() => pool.stats().running === 4);
      await sleep(5);
      full.shutdown({ immediate });
      empty.shutdown({ immediate });
      for (const error of await Promise.all(waits)) expect(error).toBeInstanceOf(QueueShutDownError);
      expect(full.qsize()).toBe(immediate ? 0 : 1);
    }
  });

  test('what is there can be taken, unless it is immediate', async () => {
    const queue = new Queue<number>();
    queue.putManySync([1, 2, 3]);
    queue.shutdown();
    queue.shutdown();
    for (const put of [() => queue.putSync(4), () => queue.putNowait(4), () => queue.putManySync([4, 5])]) {
      expect(thrown(put)).toBeInstanceOf(QueueShutDownError);
    }
    expect(await queue.get()).toBe(1);
    expect(await collect(queue)).toEqual([2, 3]);
    expect(thrown(() => queue.getNowait())).toBeInstanceOf(QueueShutDownError);
    expect(thrown(() => queue.getManySync(2))).toBeInstanceOf(QueueShutDownError);
    const dropped = new Queue<number>();
    dropped.putSync(1);
    dropped.shutdown({ immediate: true });
    expect(await failure(() => dropped.get())).toBeInstanceOf(QueueShutDownError);
    expect(await collect(dropped)).toEqual([]);
  });

  test('ends a blocking wait of this thread', async () => {
    const pool = makePool(1);
    const queue = new Queue();
    const shut = pool.apply(task('shutdownAfter'), [queue, 10]);
    expect(thrown(() => queue.getSync())).toBeInstanceOf(QueueShutDownError);
    await shut;
  });
});

describe('many at once', () => {
  test('putMany puts all, in order, also where room comes bit by bit', async () => {
    const pool = makePool(1);
    const queue = new Queue<[number, number]>(7);
    const taken = pool.apply(task('consumeMany'), [queue]);
    const values = numbers(5000).map((i): [number, number] => [0, i]);
    const later = queue.putMany(values.slice(0, 2000));
    queue.putManySync(values.slice(2000));
    await later;
    queue.shutdown();
    expect(await taken).toEqual(values);
  });

  test('putMany says how many were put before it failed', async () => {
    const queue = new Queue<unknown>(5);
    queue.putSync(0);
    const timedOut = thrown(() => queue.putManySync(numbers(9), { timeout: 1 }));
    expect(timedOut).toBeInstanceOf(QueueFullError);
    expect(timedOut.count).toBe(4);
    expect(queue.getManySync(9)).toEqual([0, 0, 1, 2, 3]);
    const list = [1, 2, { a: new WeakSet() }, 4];
    for (const put of [async () => queue.putManySync(list), () => queue.putMany(list)]) {
      const error = await failure(put);
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.path).toBe('values[2].a');
      expect(error.count).toBe(2);
      expect(queue.getManySync(9)).toEqual([1, 2]);
    }
    const waiting = failure(() => queue.putMany([1, 2, 3, 4, 5, 6, 7, Symbol('x')]));
    expect(await queue.getMany(9)).toEqual([1, 2, 3, 4, 5]);
    const error = await waiting;
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.count).toBe(7);
    expect(queue.getManySync(9)).toEqual([6, 7]);
    const aborted = new AbortController();
    const cut = failure(() => queue.putMany(numbers(9), { signal: aborted.signal }));
    aborted.abort('no');
    expect(await cut).toBe('no');
    expect(queue.getManySync(9)).toEqual(numbers(5));
  });

  test('putMany takes any iterable, and none at all', async () => {
    const queue = new Queue<unknown>();
    queue.putManySync(new Set(['a', 'b']));
    await queue.putMany(new Map([[1, 2]]));
    queue.putManySync([]);
    expect(queue.getManySync(9)).toEqual(['a', 'b', [1, 2]]);
  });

  test('getMany takes what is there, and waits for the first', async () => {
    const pool = makePool(1);
    const queue = new Queue<number>();
    queue.putManySync(numbers(3000));
    const got = [];
    while (got.length < 3000) got.push(...queue.getManySync(3000));
    expect(got).toEqual(numbers(3000));
    const later = pool.apply(task('putAfter'), [queue, 5, 1]);
    expect(await queue.getMany(10)).toEqual([1]);
    await later;
  });
});

describe('for await', () => {
  test('breaking off loses nothing', async () => {
    const queue = new Queue<number>();
    queue.putManySync(numbers(10));
    for await (const value of queue) if (value === 3) break;
    const iterator = queue[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(4);
    await iterator.return();
    queue.shutdown();
    expect(await collect(queue)).toEqual([5, 6, 7, 8, 9]);
  });

  test('several loops share the values', async () => {
    const queue = new Queue<number>();
    const loops = [collect(queue), collect(queue), collect(queue)];
    queue.putManySync(numbers(99));
    await sleep(1);
    queue.shutdown();
    const lists = await Promise.all(loops);
    expect(lists.flat().sort((a, b) => a - b)).toEqual(numbers(99));
  });
});
