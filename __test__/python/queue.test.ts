import {
  JoinableQueue,
  Queue,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  SerializationError,
  SimpleQueue,
  StateError,
} from 'manycore';
import { expect, test } from 'vitest';
import { addon, collectGarbage, failure, makePool, numbers, ref, runScript, thrown } from '../helpers.js';

const task = (name: string) => ref('queues.mjs', name);

test('29 put: every form until the queue is full, then Full at once or after the time given', async () => {
  const pool = makePool(1);
  const queue = new Queue<number>(6);
  expect([queue.empty(), queue.full()]).toEqual([true, false]);
  await queue.put(1);
  await queue.put(2, {});
  queue.putSync(3);
  queue.putSync(4, { timeout: 1000 });
  queue.putNowait(5);
  await queue.putMany([6]);
  expect([queue.empty(), queue.full()]).toEqual([false, true]);
  expect(thrown(() => queue.putNowait(7))).toBeInstanceOf(QueueFullError);
  for (const put of [() => queue.put(7, { timeout: 20 }), async () => queue.putSync(7, { timeout: 20 })]) {
    const from = performance.now();
    expect(await failure(put)).toBeInstanceOf(QueueFullError);
    expect(performance.now() - from).toBeGreaterThan(15);
  }
  expect(await pool.apply(task('getManySync'), [queue, 10])).toEqual([1, 2, 3, 4, 5, 6]);
  expect([queue.empty(), queue.full()]).toEqual([true, false]);
});

test('30 get: every form, first in first out, then Empty at once or after the time given', async () => {
  const pool = makePool(1);
  const queue = new Queue<number>();
  await pool.apply(task('produce'), [queue, 0, 5]);
  const got = [queue.getSync(), await queue.get(), queue.getSync({ timeout: 1000 }), queue.getNowait()];
  expect([...got, ...queue.getManySync(9)]).toEqual(numbers(5).map((i) => [0, i]));
  expect(queue.empty()).toBe(true);
  expect(thrown(() => queue.getNowait())).toBeInstanceOf(QueueEmptyError);
  for (const get of [() => queue.get({ timeout: 20 }), async () => queue.getSync({ timeout: 20 })]) {
    const from = performance.now();
    expect(await failure(get)).toBeInstanceOf(QueueEmptyError);
    expect(performance.now() - from).toBeGreaterThan(15);
  }
});

test('31 fork: what a worker puts comes behind what was there', async () => {
  const pool = makePool(1);
  const queue = new Queue<unknown>();
  queue.putManySync(numbers(10));
  await pool.apply(task('produce'), [queue, 1, 10]);
  expect(queue.getManySync(99)).toEqual([...numbers(10), ...numbers(10).map((i) => [1, i])]);
  expect(thrown(() => queue.getNowait())).toBeInstanceOf(QueueEmptyError);
});

test('32 qsize', () => {
  const queue = new Queue<number>();
  const sizes = [queue.qsize()];
  for (const step of [() => queue.putSync(1), () => queue.putSync(5), () => queue.getSync(), () => queue.getSync()]) {
    step();
    sizes.push(queue.qsize());
  }
  expect(sizes).toEqual([0, 1, 2, 1, 0]);
});

test('33 taskDone: join ends when four workers have done everything', async () => {
  const pool = makePool(4);
  const queue = new JoinableQueue<number>();
  const workers = [1, 2, 3, 4].map(() => pool.apply(task('workUntilShut'), [queue]));
  for (const n of numbers(10)) await queue.put(n);
  await queue.join();
  expect(queue.qsize()).toBe(0);
  queue.shutdown();
  expect(((await Promise.all(workers)) as number[]).reduce((a, b) => a + b)).toBe(10);
});

test('34 a queue can be used while a module is being evaluated', async () => {
  const { code, stdout } = await runScript('queue-at-top-level.mjs');
  expect([code, stdout.trim()]).toEqual([0, 'from a worker at the top level']);
});

test('35 a timeout ends a get after its time', async () => {
  const from = performance.now();
  expect(await failure(() => new Queue().get({ timeout: 100 }))).toBeInstanceOf(QueueEmptyError);
  expect(performance.now() - from).toBeGreaterThan(90);
});

test('36 a value that cannot be sent harms nobody: it rejects its own put', async () => {
  const queue = new Queue<unknown>(1);
  expect(await failure(() => queue.put({ n: new WeakRef({}) }))).toBeInstanceOf(SerializationError);
  expect([queue.qsize(), queue.empty(), queue.full()]).toEqual([0, true, false]);
  await queue.put(true, { timeout: 1000 });
  expect(await queue.get({ timeout: 1000 })).toBe(true);
  expect(queue.empty()).toBe(true);
});

test('38 put and get of a closed queue say so', async () => {
  for (const queue of [new Queue(), new JoinableQueue()]) {
    queue.close();
    for (const use of [() => queue.put('x'), () => queue.get(), async () => queue.getNowait()]) {
      const error = await failure(use);
      expect(error).toBeInstanceOf(StateError);
      expect(error.message).toMatch(/is closed/);
    }
  }
});

test('39 empty of a closed queue: where it was used, an error', () => {
  const queue = new Queue();
  expect(queue.empty()).toBe(true);
  queue.putSync(1);
  queue.close();
  expect(thrown(() => queue.empty()).message).toMatch(/is closed/);
});

test('40 SimpleQueue: empty, close twice, empty of a closed one', async () => {
  const pool = makePool(1);
  const queue = new SimpleQueue();
  expect(queue.empty()).toBe(true);
  await pool.apply(task('put'), [queue, true]);
  await pool.apply(task('put'), [queue, false]);
  expect([queue.empty(), await queue.get(), queue.getSync(), queue.empty()]).toEqual([false, true, false, true]);
  queue.close();
  queue.close();
  expect(thrown(() => queue.empty()).message).toMatch(/is closed/);
});

test('41 full at its size, in every form', async () => {
  const queue = new Queue<number>(3);
  expect(queue.empty()).toBe(true);
  queue.putManySync([111, 333, 222]);
  expect([queue.full(), queue.empty()]).toEqual([true, false]);
  expect(thrown(() => queue.putNowait(1))).toBeInstanceOf(QueueFullError);
  expect(await failure(() => queue.put(1, { timeout: 10 }))).toBeInstanceOf(QueueFullError);
  expect([queue.getSync(), queue.getSync(), queue.getSync()]).toEqual([111, 333, 222]);
  expect(thrown(() => queue.getNowait())).toBeInstanceOf(QueueEmptyError);
  expect(await failure(() => queue.get({ timeout: 10 }))).toBeInstanceOf(QueueEmptyError);
});

test('42 a negative timeout counts as 0, as for multiprocessing.Queue', async () => {
  const queue = new Queue<number>(1);
  expect(await failure(() => queue.get({ timeout: -1 }))).toBeInstanceOf(QueueEmptyError);
  queue.putSync(1, { timeout: -1 });
  expect(thrown(() => queue.putSync(2, { timeout: -1 }))).toBeInstanceOf(QueueFullError);
});

test('43 taskDone too often is an error; join works with several workers, and again', async () => {
  const queue = new JoinableQueue<number>();
  expect(thrown(() => queue.taskDone())).toBeInstanceOf(StateError);
  const pool = makePool(3);
  const workers = [1, 2].map(() => pool.apply(task('workUntilShut'), [queue]));
  for (let round = 0; round < 2; round++) {
    for (const n of numbers(50)) await queue.put(n);
    await queue.join();
  }
  expect(thrown(() => queue.taskDone())).toBeInstanceOf(StateError);
  queue.shutdown();
  expect(((await Promise.all(workers)) as number[]).reduce((a, b) => a + b)).toBe(100);
});

test('45 many feeders and consumers: every value once, the order of each feeder kept', async () => {
  const pool = makePool(6);
  const queue = new Queue<[number, number]>(10);
  const consumers = [1, 2, 3].map(() => pool.apply(task('consume'), [queue]));
  await Promise.all([0, 1, 2].map((id) => pool.apply(task('produce'), [queue, id, 500])));
  queue.shutdown();
  const lists = (await Promise.all(consumers)) as [number, number][][];
  for (const id of [0, 1, 2]) {
    for (const list of lists) {
      const own = list.filter(([from]) => from === id).map(([, i]) => i);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    const all = lists.flat().filter(([from]) => from === id);
    expect(all.map(([, i]) => i).sort((a, b) => a - b)).toEqual(numbers(500));
  }
});

test('46 a queue does not keep alive what was delivered', async () => {
  const queue = new Queue<unknown>();
  const blocks = addon.blocksInUse();
  queue.putSync({ text: 'x'.repeat(10_000) });
  const got = new WeakRef(queue.getSync() as object);
  await collectGarbage();
  await collectGarbage();
  expect(got.deref()).toBeUndefined();
  queue.putManySync(numbers(5000));
  while (!queue.empty()) queue.getManySync(1000);
  expect(addon.blocksInUse() - blocks).toBeLessThan(100_000);
});

test('47 shutdown: no more puts, gets drain; immediate drops and ends join; who waits is told', async () => {
  const pool = makePool(3);
  const queue = new JoinableQueue<number>(2);
  queue.putManySync([1, 2]);
  const put = failure(() => pool.apply(task('putSync'), [queue, 3]));
  const late = failure(() => queue.put(3));
  queue.shutdown();
  for (const error of await Promise.all([put, late])) expect(error).toBeInstanceOf(QueueShutDownError);
  expect([queue.getSync(), queue.getSync()]).toEqual([1, 2]);
  expect(await failure(() => queue.get())).toBeInstanceOf(QueueShutDownError);
  const other = new JoinableQueue<number>();
  other.putManySync([1, 2, 3]);
  const join = other.join();
  other.shutdown({ immediate: true });
  await join;
  expect(await failure(() => other.get())).toBeInstanceOf(QueueShutDownError);
});
