import {
  DeadlockError,
  JoinableQueue,
  QueueEmptyError,
  SimpleQueue,
  StateError,
  TimeoutError,
  WorkerLostError,
} from 'manycore';
import { describe, expect, test } from 'vitest';
import { collectGarbage, failure, makePool, numbers, ref, sleep, thrown, until, watch } from '../helpers.js';

const task = (name: string) => ref('queues.mjs', name);

describe('JoinableQueue', () => {
  test('join ends when everything is done, again and again', async () => {
    const pool = makePool(3);
    const queue = new JoinableQueue<number>();
    await queue.join();
    queue.joinSync();
    const workers = [1, 2, 3].map(() => pool.apply(task('workUntilShut'), [queue]));
    for (let round = 0; round < 3; round++) {
      queue.putManySync(numbers(30));
      if (round === 1) queue.joinSync();
      else await queue.join();
      expect(queue.empty()).toBe(true);
    }
    queue.shutdown();
    const counts = (await Promise.all(workers)) as number[];
    expect(counts.reduce((a, b) => a + b)).toBe(90);
    expect(queue.lost).toBe(0);
  });

  test('join waits for values that were put meanwhile, and for values that are taken', async () => {
    const queue = new JoinableQueue<number>();
    queue.putSync(1);
    const joins = [watch(queue.join()), watch(queue.join())];
    queue.putSync(2);
    await queue.get();
    queue.taskDone();
    await queue.get();
    await sleep(3);
    expect(joins.map((join) => join.settled)).toEqual([0, 0]);
    queue.taskDone();
    await until(() => joins.every((join) => join.settled === 1));
    expect(thrown(() => queue.taskDone())).toBeInstanceOf(StateError);
  });

  test('timeouts, signals, and a wait that nobody else can end', async () => {
    const queue = new JoinableQueue<number>();
    queue.putSync(1);
    expect(await failure(() => queue.join({ timeout: 1 }))).toBeInstanceOf(TimeoutError);
    expect(thrown(() => queue.joinSync({ timeout: 1 }))).toBeInstanceOf(TimeoutError);
    const controller = new AbortController();
    const join = failure(() => queue.join({ signal: controller.signal }));
    controller.abort('enough');
    expect(await join).toBe('enough');
    expect(thrown(() => queue.joinSync())).toBeInstanceOf(DeadlockError);
  });

  test('what a taker had when it died is lost, and join ends', async () => {
    const pool = makePool(2);
    const queue = new JoinableQueue<number>();
    queue.putManySync(numbers(5));
    const join = queue.join();
    expect(await failure(() => pool.apply(task('dieWith'), [queue, 3]))).toBeInstanceOf(WorkerLostError);
    await until(() => queue.lost === 3);
    await pool.apply(task('work'), [queue, 2]);
    await join;
    expect(queue.lost).toBe(3);
  });

  test('a taker that let go of the queue and dies later has lost it, too', async () => {
    const pool = makePool(1);
    const queue = new JoinableQueue<number>();
    queue.putManySync(numbers(3));
    await pool.apply(task('takeAndForget'), [queue, 2]);
    // The worker's handle becomes garbage some time; it lives on.
    for (let i = 0; i < 5; i++) {
      await pool.apply(() => {
        const { setFlagsFromString } = process.getBuiltinModule('node:v8');
        setFlagsFromString('--expose-gc');
        process.getBuiltinModule('node:vm').runInNewContext('gc')();
      });
    }
    const join = queue.join();
    expect(queue.lost).toBe(0);
    await failure(() => pool.apply(task('exit')));
    await until(() => queue.lost === 2);
    queue.getSync();
    queue.taskDone();
    await join;
  });

  test('an immediate shutdown drops what is there and ends join; what is taken is still waited for', async () => {
    const pool = makePool(1);
    const queue = new JoinableQueue<number>();
    queue.putManySync(numbers(5));
    const join = watch(queue.join());
    await queue.get();
    queue.shutdown({ immediate: true });
    expect(queue.qsize()).toBe(0);
    await sleep(3);
    expect(join.settled).toBe(0);
    queue.taskDone();
    await until(() => join.settled === 1);
    const other = new JoinableQueue<number>();
    other.putManySync(numbers(5));
    const ended = other.join();
    await pool.apply(task('shutdownAfter'), [other, 0, { immediate: true }]);
    await ended;
    other.joinSync();
    expect(other.lost).toBe(0);
  });

  test('taskDone after close', async () => {
    const queue = new JoinableQueue<number>();
    queue.putSync(1);
    queue.getSync();
    queue.close();
    queue.taskDone();
    await queue.join();
  });

  test('arrives as what it is', async () => {
    const pool = makePool(1);
    const queue = new JoinableQueue<number>({ maxSize: 3 });
    expect(await pool.apply(task('give'), [queue])).toBe(queue);
    queue.putSync(1);
    await pool.apply(task('work'), [queue, 1]);
    queue.joinSync();
  });
});

describe('SimpleQueue', () => {
  test('put, get, empty, close', async () => {
    const pool = makePool(1);
    const queue = new SimpleQueue<number>();
    expect(queue.empty()).toBe(true);
    await queue.put(1);
    queue.putSync(2);
    expect(queue.empty()).toBe(false);
    expect(await pool.apply(task('getSync'), [queue])).toBe(1);
    expect(await queue.get()).toBe(2);
    expect(await failure(() => queue.get({ timeout: 1 }))).toBeInstanceOf(QueueEmptyError);
    const waiting = failure(() => queue.get());
    queue.close();
    queue.close();
    expect(await waiting).toBeInstanceOf(StateError);
    for (const use of [() => queue.putSync(1), () => queue.getSync(), () => queue.empty()]) {
      expect(thrown(use).message).toMatch(/closed/);
    }
    await collectGarbage();
  });
});
