import {
  type Connection,
  Lock,
  Pipe,
  Pool,
  Queue,
  registerClass,
  SerializationError,
  SharedArray,
  task,
  Value,
} from 'manycore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { addon, collected, collectGarbage, echo, makePool, numbers, ref, square, thrown } from '../helpers.js';

const remote = (name: string) => ref('queues.mjs', name);

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
  length(): number {
    return Math.hypot(this.x, this.y);
  }
}
registerClass(Point);

describe('B61 every value arrives as it was', () => {
  const cyclic: { self?: unknown; list: unknown[] } = { list: new Array(3) };
  cyclic.self = cyclic;
  const values: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['-0', -0],
    ['NaN', NaN],
    ['a bigint', 2n ** 200n],
    ['the empty string', ''],
    ['a long text', 'ä€😀'.repeat(5000)],
    ['a lone surrogate', '\ud800'],
    ['false', false],
    ['a Date', new Date(5)],
    ['a RegExp', /a+/giu],
    ['a Map of Sets', new Map([[{ a: 1 }, new Set([1, 'b'])]])],
    ['a graph', cyclic],
    ['an object of 57 bytes', { text: 'x'.repeat(40) }],
    ['a Buffer', Buffer.from('hello')],
    ['a typed array', new Float64Array([1.5, -2])],
    ['an empty array', []],
    ['an Error', new RangeError('no', { cause: { code: 7 } })],
  ];

  test.each(values)('B61 %s', async (_, value) => {
    const queue = new Queue();
    queue.putSync(value);
    await queue.put(value);
    queue.putManySync([value, value]);
    expect(queue.getManySync(9)).toEqual([value, value, value, value]);
    queue.putSync([value]);
    const [got] = queue.getSync() as unknown[];
    expect(Object.is(got, value) || typeof value === 'object').toBe(true);
  });

  test('functions, tasks, instances of registered classes', async () => {
    const pool = makePool(1);
    const queue = new Queue<unknown>();
    queue.putManySync([
      square,
      Math.sqrt,
      task(new URL('../fixtures/queues.mjs', import.meta.url), 'give'),
      new Point(3, 4),
    ]);
    const [times, root, give, point] = queue.getManySync(9) as [
      (x: number) => number,
      unknown,
      (x: number) => unknown,
      Point,
    ];
    expect(times(9)).toBe(81);
    expect(root).toBe(Math.sqrt);
    expect(await pool.apply(give, [5])).toBe(5);
    expect(point).toBeInstanceOf(Point);
    expect(point.length()).toBe(5);
    // A function that a worker received travels on from there.
    await pool.apply(remote('put'), [queue, square]);
    expect((queue.getSync() as (x: number) => number)(3)).toBe(9);
  });

  test('large values: 16 MiB, and many of 1 MiB', async () => {
    const pool = makePool(1);
    const queue = new Queue<Uint8Array>(2);
    const large = new Uint8Array(16 << 20).map((_, i) => i * 7);
    const echoed = pool.apply(remote('get'), [queue]);
    await queue.put(large);
    expect(Buffer.compare((await echoed) as Uint8Array, large)).toBe(0);
    const back = pool.apply(remote('produce'), [queue, large.subarray(0, 1 << 20), 20]);
    for (let i = 0; i < 20; i++) {
      const [bytes, n] = queue.getSync() as unknown as [Uint8Array, number];
      expect(n).toBe(i);
      expect(Buffer.compare(bytes, large.subarray(0, 1 << 20))).toBe(0);
    }
    await back;
    // A view of a larger buffer takes its own bytes along.
    queue.putSync(large.subarray(5, 5005));
    expect(queue.getSync().buffer.byteLength).toBe(5000);
  });
});

describe('what cannot go through a queue', () => {
  test('a SharedArrayBuffer, which says what to use in its place', () => {
    const queue = new Queue<unknown>();
    const shared = new SharedArrayBuffer(8192);
    for (const value of [shared, new Uint8Array(shared), { deep: [new Int32Array(shared, 0, 1)] }]) {
      const error = thrown(() => queue.putSync(value));
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.message).toMatch(/SharedArrayBuffer cannot go through a queue.*use an Array/);
    }
    expect(thrown(() => queue.putSync({ deep: [shared] })).path).toBe('value.deep[0]');
  });

  test('a MessagePort, and closures over what cannot be sent', () => {
    const queue = new Queue<unknown>();
    const { port1 } = new MessageChannel();
    onTestFinished(() => port1.close());
    expect(thrown(() => queue.putSync({ port1 })).message).toMatch(/`?value\.port1`?.*MessagePort/);
    expect(thrown(() => queue.putSync(() => port1)).message).toMatch(/port1/);
  });
});

describe('shared objects in a queue', () => {
  test('arrive as the same, and are kept alive by the message alone', async () => {
    const pool = makePool(1);
    const queue = new Queue<unknown>();
    (() => {
      const numbers = new SharedArray('i', 1);
      queue.putSync({ lock: new Lock(), numbers });
      queue.putSync({ lock: new Lock(), numbers });
    })();
    await collectGarbage();
    await collectGarbage();
    await pool.apply(remote('lockFrom'), [queue]);
    const { numbers } = queue.getSync() as { numbers: Int32Array };
    expect(numbers[0]).toBe(100);
    expect(thrown(() => queue.getNowait()).name).toBe('QueueEmptyError');
  });

  test('a large shared array goes by reference, at any depth', () => {
    const queue = new Queue<unknown>();
    const before = addon.blocksInUse();
    const shared = new SharedArray('d', 1 << 20);
    queue.putManySync([shared, { a: [shared.subarray(8, 16)] }]);
    expect(addon.blocksInUse() - before).toBeLessThan(12 << 20);
    const [same, { a }] = queue.getManySync(2) as [Float64Array, { a: Float64Array[] }];
    expect(same).toBe(shared);
    shared[9] = 5;
    expect(a[0]?.[1]).toBe(5);
  });

  test('a queue in a queue, in itself too', async () => {
    const [outer, inner] = [new Queue<unknown>(), new Queue<unknown>()];
    inner.putSync('inside');
    outer.putSync({ inner });
    outer.putSync(outer);
    expect(((await outer.get()) as { inner: Queue }).inner).toBe(inner);
    expect(outer.getSync()).toBe(outer);
  });

  test('what is dropped with a queue is let go of, however deep it lies', async () => {
    await collectGarbage();
    const before = [addon.objectCount(), addon.blocksInUse()];
    let chain: unknown = new Value('i', 1);
    for (let i = 0; i < 2000; i++) {
      const queue = new Queue<unknown>();
      queue.putSync([chain, 'x'.repeat(100)]);
      chain = queue;
    }
    (chain as Queue).shutdown({ immediate: true });
    chain = undefined;
    await collected(() => addon.objectCount() <= (before[0] ?? 0) && addon.blocksInUse() <= (before[1] ?? 0));
  });

  test('a Connection that nobody takes out is closed with what contained it', async () => {
    const [here, there] = Pipe();
    const [outer, inner] = Pipe();
    outer.sendSync(there);
    there.close();
    // The message is the last that has the end: it goes with the pipe that it lies in.
    inner.close();
    expect(thrown(() => here.recvSync()).name).toBe('EOFError');
    outer.close();
    const queue = new Queue<Connection>();
    const [mine, its] = Pipe();
    queue.putSync(its);
    its.close();
    expect(await mine.poll({ timeout: 1 })).toBe(false);
    queue.shutdown({ immediate: true });
    expect(await mine.poll({ timeout: 60_000 })).toBe(true);
    expect(thrown(() => mine.recvSync()).name).toBe('EOFError');
  });

  test('a closed Connection cannot be sent', () => {
    const [here, there] = Pipe();
    there.close();
    expect(thrown(() => new Queue().putSync({ there }))).toMatchObject({
      name: 'SerializationError',
      path: 'value.there',
    });
    here.close();
  });
});

test('a million values leave the region as it was', async () => {
  const queue = new Queue<unknown>();
  queue.putManySync(numbers(1000));
  while (!queue.empty()) queue.getManySync(1000);
  const before = addon.blocksInUse();
  for (let i = 0; i < 100; i++) {
    queue.putManySync(numbers(10_000));
    queue.putSync({ text: 'x'.repeat(100) });
    let left = 10_001;
    while (left > 0) left -= queue.getManySync(3000).length;
  }
  expect(addon.blocksInUse()).toBe(before);
});

test('two pools share one queue', async () => {
  const [one, two] = [makePool(1), new Pool(1)];
  const queue = new Queue<number>();
  await one.apply(remote('produce'), [queue, 1, 10]);
  expect(((await two.apply(remote('getManySync'), [queue, 20])) as unknown[]).length).toBe(10);
  expect(await two.apply(echo, [queue])).toBe(queue);
  await two.terminate();
});
