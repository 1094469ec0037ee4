import { inspect } from 'node:util';
import {
  DeadlockError,
  JoinableQueue,
  Pipe,
  Queue,
  QueueEmptyError,
  QueueFullError,
  SerializationError,
  SimpleQueue,
  StateError,
} from 'manycore';
import { describe, expect, test } from 'vitest';
import { collect, failure, makePool, numbers, ref, runScript, sleep, thrown, until, watch } from '../helpers.js';

const task = (name: string) => ref('queues.mjs', name);

describe('values', () => {
  test('come out in their order, each once', async () => {
    const queue = new Queue<number>();
    for (let i = 0; i < 5000; i++) queue.putSync(i);
    expect(queue.qsize()).toBe(5000);
    const got = [await queue.get(), queue.getSync(), queue.getNowait(), ...queue.getManySync(3)];
    while (!queue.empty()) got.push(...(await queue.getMany(1000)));
    expect(got).toEqual(numbers(5000));
    expect(thrown(() => queue.getNowait())).toBeInstanceOf(QueueEmptyError);
  });

  test('are serialised at once: what changes later is not seen', async () => {
    const queue = new Queue<{ n: number }>(1);
    const value = { n: 1 };
    await queue.put(value);
    const waiting = queue.put(value);
    const many = queue.putMany([value, value]);
    value.n = 2;
    expect([await queue.get(), await queue.get(), await queue.get(), await queue.get()]).toEqual(
      Array(4).fill({ n: 1 }),
    );
    await Promise.all([waiting, many]);
  });

  test('are read once: a getter runs once, also where the put has to wait', async () => {
    const queue = new Queue<{ n: number }>(1);
    let reads = 0;
    const value = {
      get n() {
        return ++reads;
      },
    };
    await queue.put(value);
    const waiting = queue.put(value);
    expect([await queue.get(), await queue.get()]).toEqual([{ n: 1 }, { n: 2 }]);
    await waiting;
    expect(reads).toBe(2);
  });

  test('may use queues while they are serialised', () => {
    const [outer, inner] = [new Queue<unknown>(), new Queue<unknown>()];
    const nosy = (n: number) => ({
      before: n,
      get n() {
        inner.putManySync(numbers(100));
        inner.putSync('x'.repeat(500));
        return inner.getManySync(200).length;
      },
    });
    outer.putManySync(['first', nosy(1), 'between', nosy(2), 'last']);
    expect(outer.getManySync(9)).toEqual(['first', { before: 1, n: 101 }, 'between', { before: 2, n: 101 }, 'last']);
  });

  test('that cannot be sent reject their put, and the queue goes on', async () => {
    const queue = new Queue<unknown>();
    for (const [bad, path] of [
      [{ a: [1, { b: new WeakMap() }] }, 'value.a[1].b'],
      [Symbol('x'), undefined],
      [Promise.resolve(), undefined],
    ] as const) {
      for (const error of [await failure(() => queue.put(bad)), thrown(() => queue.putSync(bad))]) {
        expect(error).toBeInstanceOf(SerializationError);
        if (path !== undefined) expect(error.path).toBe(path);
      }
    }
    expect(queue.qsize()).toBe(0);
    await queue.put('fine');
    expect(await queue.get()).toBe('fine');
  });
});

describe('room', () => {
  test('maxSize bounds the queue', async () => {
    const queue = new Queue<number>({ maxSize: 2 });
    await queue.put(1);
    expect(queue.full()).toBe(false);
    queue.putNowait(2);
    expect(queue.full()).toBe(true);
    expect(thrown(() => queue.putNowait(3))).toBeInstanceOf(QueueFullError);
    expect(thrown(() => queue.putSync(3, { timeout: 1 }))).toBeInstanceOf(QueueFullError);
    expect(await failure(() => queue.put(3, { timeout: 1 }))).toBeInstanceOf(QueueFullError);
    expect(await failure(() => queue.put(3, { timeout: -1 }))).toBeInstanceOf(QueueFullError);
    const waiting = watch(queue.put(3));
    await sleep(5);
    expect(waiting.settled).toBe(0);
    expect(await queue.get()).toBe(1);
    await until(() => waiting.settled === 1);
    expect(queue.getManySync(5)).toEqual([2, 3]);
  });

  test('what waits for room keeps its order, whoever puts behind it', async () => {
    const pool = makePool(1);
    const queue = new Queue<number>(1);
    await queue.put(0);
    const puts = [queue.put(1), queue.putMany([2, 3, 4]), queue.put(5)];
    const late = pool.apply(task('getAfter'), [queue, 20]);
    // Blocks until all of them have room and one more.
    const taken = pool.apply(task('consumeMany'), [queue]);
    queue.putSync(6);
    queue.putSync(7);
    await Promise.all(puts);
    const first = await late;
    queue.shutdown();
    expect([first, ...((await taken) as number[])]).toEqual(numbers(8));
  });

  test('putNowait gives way to those who wait', async () => {
    const queue = new Queue<number>(1);
    await queue.put(0);
    const waiting = queue.put(1);
    queue.getNowait();
    expect(thrown(() => queue.putNowait(2))).toBeInstanceOf(QueueFullError);
    await waiting;
    expect(queue.getNowait()).toBe(1);
  });

  test('bad sizes and options are named', () => {
    for (const bad of [-1, 1.5, NaN, Infinity]) expect(thrown(() => new Queue(bad))).toBeInstanceOf(RangeError);
    for (const bad of ['1', null, [], { maxSize: '1' }])
      expect(thrown(() => new Queue(bad as never))).toBeInstanceOf(TypeError);
    expect(thrown(() => new Queue({ maxsize: 1 } as never)).message).toMatch(/`maxsize`.*`maxSize`/);
    const queue = new Queue();
    expect(thrown(() => queue.putSync(1, { timeOut: 1 } as never)).message).toMatch(/`timeOut`.*`timeout`/);
    expect(thrown(() => queue.getSync({ timeout: 'x' } as never))).toBeInstanceOf(TypeError);
    expect(thrown(() => queue.getManySync(0))).toBeInstanceOf(RangeError);
    expect(thrown(() => queue.putManySync(5 as never))).toBeInstanceOf(TypeError);
    expect(thrown(() => queue.shutdown({ now: true } as never))).toBeInstanceOf(TypeError);
    expect(new Queue(2 ** 40).full()).toBe(false);
    queue.putSync(1);
    expect(queue.getManySync(2 ** 40)).toEqual([1]);
  });
});

describe('waits', () => {
  test('timeouts and signals end them, and nothing is lost', async () => {
    const queue = new Queue<number>();
    expect(await failure(() => queue.get({ timeout: 1 }))).toBeInstanceOf(QueueEmptyError);
    expect(thrown(() => queue.getSync({ timeout: 1 }))).toBeInstanceOf(QueueEmptyError);
    const controller = new AbortController();
    const aborted = queue.get({ signal: controller.signal });
    const next = queue.get();
    controller.abort(new Error('enough'));
    expect((await failure(() => aborted)).message).toBe('enough');
    expect(await failure(() => queue.get({ signal: AbortSignal.abort('now') }))).toBe('now');
    expect(thrown(() => queue.putSync(1, { signal: AbortSignal.abort('now') }))).toBe('now');
    queue.putSync(7);
    queue.putSync(8);
    expect(await next).toBe(7);
    expect(queue.getNowait()).toBe(8);
    const full = new Queue(1);
    full.putSync(1);
    const gone = new AbortController();
    const waiting = full.put(2, { signal: gone.signal });
    gone.abort('no');
    expect(await failure(() => waiting)).toBe('no');
    expect(full.getManySync(3)).toEqual([1]);
  });

  test('tasks of one thread are served in turn', async () => {
    const queue = new Queue<number>();
    const gets = Array.from({ length: 1000 }, () => queue.get());
    queue.putManySync(numbers(500));
    // A blocking call takes its place behind those who wait.
    expect(thrown(() => queue.getNowait())).toBeInstanceOf(QueueEmptyError);
    queue.putManySync(numbers(501).map((n) => n + 500));
    expect(queue.getSync()).toBe(1000);
    expect(await Promise.all(gets)).toEqual(numbers(1000));
  });

  test('a thread that blocks gets what another one puts, and gives it room', async () => {
    const pool = makePool(1);
    const queue = new Queue<number>(1);
    const sent = pool.apply(task('putAfter'), [queue, 10, 1]);
    expect(queue.getSync()).toBe(1);
    await sent;
    queue.putSync(2);
    const taken = pool.apply(task('getAfter'), [queue, 10]);
    queue.putSync(3);
    expect(await taken).toBe(2);
    expect(queue.getSync()).toBe(3);
  });

  test('blocking and awaiting mix in one thread', async () => {
    const pool = makePool(2);
    const queue = new Queue<[number, number]>(3);
    const waiting = [queue.get(), queue.get()];
    const produced = pool.apply(task('produce'), [queue, 0, 300]);
    const got: [number, number][] = [];
    for (let i = 0; i < 100; i++) {
      got.push(queue.getSync());
      waiting.push(queue.get());
      if (i % 10 === 0) await waiting.at(-1);
    }
    const others = await Promise.all(waiting);
    while (got.length + others.length < 300) got.push(await queue.get());
    await produced;
    expect([...got, ...others].map(([, i]) => i).sort((a, b) => a - b)).toEqual(numbers(300));
  });

  test('a blocking wait that nobody else can end throws DeadlockError', async () => {
    const pool = makePool(1);
    const queue = new Queue(1);
    expect(thrown(() => queue.getSync())).toBeInstanceOf(DeadlockError);
    queue.putSync(1);
    expect(thrown(() => queue.putSync(2))).toBeInstanceOf(DeadlockError);
    expect(queue.getSync()).toBe(1);
    // A call that waits for its turn may bring it to a worker.
    const busy = makePool({ processes: 1, maxPending: 1 });
    const calls = [busy.apply(sleep, [150]), busy.apply(task('putAfter'), [queue, 1, 2])];
    expect(queue.getSync()).toBe(2);
    await Promise.all(calls);
    // An idle worker still has its handle, until that is garbage or the worker ends.
    await busy.terminate();
    // As long as somebody else has it there is hope, and not for longer.
    const lost = pool.apply(task('getSync'), [queue]);
    lost.catch(() => {});
    await until(() => pool.stats().running === 1);
    setTimeout(() => pool.terminate(), 5);
    await failure(() => lost);
    expect(thrown(() => queue.getSync())).toBeInstanceOf(DeadlockError);
  });

  test('B62 who awaits does not block the event loop, and keeps the process alive', async () => {
    const { code, stdout } = await runScript('queue-keeps-alive.mjs');
    expect(stdout.trim().split('\n')).toEqual(['ticks went on', 'got 1', 'end']);
    expect(code).toBe(0);
  });
});

describe('close', () => {
  test('ends what waits here, and nothing elsewhere', async () => {
    const pool = makePool(1);
    const queue = new Queue<number>(1);
    queue.putSync(1);
    const puts = failure(() => queue.put(2));
    queue.close();
    queue.close();
    expect(await puts).toBeInstanceOf(StateError);
    expect(thrown(() => queue.putSync(1)).message).toMatch(/closed/);
    expect((await failure(() => collect(queue))).message).toMatch(/closed/);
    expect(await pool.apply(task('getSync'), [queue])).toBe(1);
    const empty = new Queue();
    const get = failure(() => empty.get());
    empty.close();
    expect(await get).toBeInstanceOf(StateError);
  });

  test('joinThread and cancelJoinThread have nothing to wait for', async () => {
    const queue = new Queue();
    expect(await failure(() => queue.joinThread())).toBeInstanceOf(StateError);
    queue.cancelJoinThread();
    queue.close();
    await queue.joinThread();
  });
});

test('queues and ends of pipes show what they are, and nothing else', () => {
  class Named extends Queue<number> {}
  const queue = new Named(2);
  queue.putSync(1);
  expect([inspect(queue), JSON.stringify(queue)]).toEqual(['Named {1}', '{}']);
  queue.close();
  const shown = [queue, new JoinableQueue(), new SimpleQueue(), ...Pipe(), ...Pipe(false)].map((it) => inspect(it));
  expect(shown).toEqual([
    'Named {closed}',
    'JoinableQueue {0}',
    'SimpleQueue {0}',
    ...Array(2).fill('Connection {receives, sends}'),
    'Connection {receives}',
    'Connection {sends}',
  ]);
});

test('a queue that was made in a worker and returned has what was put', async () => {
  const pool = makePool(1);
  const queue = (await pool.apply(task('makeQueue'), [[1, 'two', { three: 3 }]])) as Queue;
  expect(queue).toBeInstanceOf(Queue);
  expect(queue.getManySync(9)).toEqual([1, 'two', { three: 3 }]);
  expect(await pool.apply(task('give'), [queue])).toBe(queue);
});

test('164 a signal with a handler of its own leaves a blocking wait alone', async () => {
  const { code, stdout } = await runScript('queue-signal.mjs');
  expect([code, stdout.trim().split('\n')]).toEqual([0, ['got 1', 'handled']]);
});

test('Ctrl+C ends every wait', async () => {
  for (const how of ['async', 'sync', 'put', 'join']) {
    const { code, stdout, stderr } = await runScript('queue-interrupted.mjs', [how]);
    expect({ how, code, stdout: stdout.trim(), stderr }).toEqual({
      how,
      code: 130,
      stdout: 'InterruptedError',
      stderr: '',
    });
  }
});
