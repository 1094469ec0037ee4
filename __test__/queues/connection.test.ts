import {
  BufferTooShortError,
  type Connection,
  DeadlockError,
  EOFError,
  Pipe,
  SharedArray,
  StateError,
  TimeoutError,
} from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  collect,
  collected,
  collectGarbage,
  failure,
  makePool,
  numbers,
  ref,
  sleep,
  thrown,
  until,
  watch,
} from '../helpers.js';

const task = (name: string) => ref('queues.mjs', name);

describe('Pipe', () => {
  test('both ends send and receive; the ends of one way do one of it', async () => {
    const [a, b] = Pipe();
    expect([a.readable, a.writable, b.readable, b.writable]).toEqual([true, true, true, true]);
    await a.send(1);
    b.sendSync({ two: 2 });
    expect([await b.recv(), a.recvSync()]).toEqual([1, { two: 2 }]);
    const [reader, writer] = Pipe(false);
    expect([reader.readable, reader.writable, writer.readable, writer.writable]).toEqual([true, false, false, true]);
    writer.sendSync('x');
    expect(reader.recvSync()).toBe('x');
    expect(await failure(() => reader.send(1))).toBeInstanceOf(StateError);
    expect(thrown(() => writer.recvSync())).toBeInstanceOf(StateError);
    expect(thrown(() => writer.pollSync())).toBeInstanceOf(StateError);
    expect(thrown(() => Pipe('yes' as never))).toBeInstanceOf(TypeError);
  });

  test('a worker echoes, in both styles', async () => {
    const pool = makePool(2);
    for (const name of ['echoUntilEnd', 'echoSync']) {
      const [here, there] = Pipe<unknown>();
      const end = pool.apply(task(name), [there]);
      for (const value of [1, 'two', null, undefined, { a: [1] }]) {
        await here.send(value);
        expect(await here.recv()).toEqual(value);
        here.sendSync(value);
        expect(here.recvSync()).toEqual(value);
      }
      here.close();
      expect(await end).toBe('end');
      there.close();
    }
  });

  test('who sends waits while much is on its way, and one message may be larger', async () => {
    const pool = makePool(1);
    const [here, there] = Pipe<Uint8Array>();
    const megabyte = new Uint8Array(1 << 20);
    await here.send(new Uint8Array(16 << 20));
    expect(thrown(() => here.sendSync(megabyte, { timeout: 1 }))).toBeInstanceOf(TimeoutError);
    const waiting = watch(here.send(megabyte));
    await sleep(5);
    expect(waiting.settled).toBe(0);
    expect(((await pool.apply(task('recv'), [there])) as Uint8Array).length).toBe(16 << 20);
    await until(() => waiting.settled === 1);
    expect((await there.recv()).length).toBe(1 << 20);
  });
});

describe('the end', () => {
  test('comes when the other end is closed, after what was sent', async () => {
    const [a, b] = Pipe<number>();
    a.sendSync(1);
    a.sendSync(2);
    a.close();
    a.close();
    expect(a.closed).toBe(true);
    expect(await b.poll()).toBe(true);
    expect(await collect(b)).toEqual([1, 2]);
    expect(b.pollSync()).toBe(true);
    expect(await failure(() => b.recv())).toBeInstanceOf(EOFError);
    expect(thrown(() => b.recvSync())).toBeInstanceOf(EOFError);
    expect(thrown(() => b.sendSync(1))).toBeInstanceOf(EOFError);
    for (const use of [() => a.send(1), () => a.recv(), () => a.poll(), () => collect(a)]) {
      expect(await failure(use)).toBeInstanceOf(StateError);
    }
  });

  test('ends who waits, here and elsewhere', async () => {
    const pool = makePool(2);
    const [a, b] = Pipe<unknown>();
    const waits = [failure(() => pool.apply(task('recvSync'), [b])), failure(() => b.recv())];
    await until(() => pool.stats().running === 1);
    await sleep(5);
    a.close();
    for (const error of await Promise.all(waits)) expect(error).toBeInstanceOf(EOFError);
    const [c, d] = Pipe<unknown>();
    c.sendSync(new Uint8Array(2 << 20));
    const sends = [failure(() => c.send(1)), failure(() => pool.apply(task('sendSync'), [c, 1]))];
    await until(() => pool.stats().running === 1);
    d.close();
    for (const error of await Promise.all(sends)) expect(error).toBeInstanceOf(EOFError);
  });

  test('closing this end ends what waits at it', async () => {
    const [a, b] = Pipe<unknown>();
    const waits = [a.recv(), a.poll({ timeout: 60_000 })].map((wait) => failure(() => wait));
    await null;
    a.close();
    for (const error of await Promise.all(waits)) expect(error).toBeInstanceOf(StateError);
    b.close();
  });

  test('comes when the last that had it drops it', async () => {
    const [here] = Pipe();
    await sleep(1);
    await collectGarbage();
    const end = failure(() => here.recv());
    const seen = watch(end);
    await collected(() => seen.settled === 1);
    expect(await end).toBeInstanceOf(EOFError);
  });

  test('comes when the last that had it dies, and not before', async () => {
    const pool = makePool(2);
    const [here, there] = Pipe();
    const holders = [new AbortController(), new AbortController()];
    const tasks = holders.map(({ signal }) => failure(() => pool.apply(task('hold'), [there], { signal, grace: 0 })));
    await until(() => pool.stats().running === 2);
    there.close();
    expect(await here.poll({ timeout: 5 })).toBe(false);
    holders[0]?.abort();
    expect(await here.poll({ timeout: 50 })).toBe(false);
    holders[1]?.abort();
    await Promise.all(tasks);
    expect(await failure(() => here.recv())).toBeInstanceOf(EOFError);
  });

  test('a pipe whose both ends are here alone ends a blocking wait with DeadlockError', () => {
    const [a, b] = Pipe();
    expect(thrown(() => a.recvSync())).toBeInstanceOf(DeadlockError);
    b.sendSync(1);
    expect(a.recvSync()).toBe(1);
  });
});

describe('a Connection in a message', () => {
  test('can be sent onwards, by way of others', async () => {
    const pool = makePool(2);
    const [one, two] = Pipe<unknown>();
    const [front, back] = Pipe<unknown>();
    const forwarded = pool.apply(task('forward'), [back]);
    await front.send(two);
    two.close();
    await one.send('through both');
    expect(await forwarded).toBe('through both');
  });

  test('comes back as the same', async () => {
    const pool = makePool(1);
    const [here, there] = Pipe();
    expect(await pool.apply(task('give'), [{ deep: [there] }])).toEqual({ deep: [there] });
    const back = (await pool.apply(task('give'), [there])) as Connection;
    expect(back).toBe(there);
    await back.send(1);
    expect(await here.recv()).toBe(1);
    const pair = Pipe();
    const arrived = (await pool.apply(task('give'), [pair])) as Connection[];
    expect(arrived[0] === pair[0] && arrived[1] === pair[1]).toBe(true);
  });

  test('a wait keeps its connection, even if nobody else does', async () => {
    const [a, b] = Pipe<number>();
    const polled = (() => {
      const c = b;
      return c.poll({ timeout: 60_000 });
    })();
    for (let i = 0; i < 3; i++) await collectGarbage();
    a.sendSync(1);
    expect(await polled).toBe(true);
    expect(b.recvSync()).toBe(1);
  });
});

describe('bytes', () => {
  test('of any view, part of it, and of memory that is shared', async () => {
    const [a, b] = Pipe();
    const text = Buffer.from('hello world');
    const shared = new SharedArray('B', 3);
    shared.set([7, 8, 9]);
    const cases: [Parameters<Connection['sendBytes']>, Uint8Array][] = [
      [[text], text],
      [[text, 6], text.subarray(6)],
      [[text, 2, 3], text.subarray(2, 5)],
      [[text, 11], Buffer.alloc(0)],
      [[text, 0, 0], Buffer.alloc(0)],
      [[new Float64Array([1])], Buffer.from(new Float64Array([1]).buffer)],
      [[new Uint8Array([1, 2]).buffer], Buffer.from([1, 2])],
      [[new DataView(new Uint8Array([1, 2]).buffer, 1)], Buffer.from([2])],
      [[new Uint8Array(new SharedArrayBuffer(2))], Buffer.alloc(2)],
      [[shared], Buffer.from([7, 8, 9])],
    ];
    for (const [args, bytes] of cases) {
      a.sendBytesSync(...args);
      await a.sendBytes(...args);
      expect(Buffer.compare(b.recvBytesSync(), bytes)).toBe(0);
      expect(Buffer.compare(await b.recvBytes(), bytes)).toBe(0);
    }
    a.sendBytesSync(shared);
    shared[0] = 0;
    expect([...b.recvBytesSync()]).toEqual([7, 8, 9]);
  });

  test('into a buffer, and what does not fit is in the error', async () => {
    const [a, b] = Pipe();
    const target = new Uint8Array(8);
    a.sendBytesSync(Buffer.from('abc'));
    expect(await b.recvBytesInto(target, 2)).toBe(3);
    expect(Buffer.from(target).toString('latin1')).toBe('\0\0abc\0\0\0');
    a.sendBytesSync(Buffer.from('too long'));
    const error = thrown(() => b.recvBytesIntoSync(target, 1));
    expect(error).toBeInstanceOf(BufferTooShortError);
    expect(Buffer.from(error.data).toString()).toBe('too long');
    a.sendBytesSync(Buffer.from('four'));
    const long = await failure(() => b.recvBytes(3));
    expect(long).toBeInstanceOf(BufferTooShortError);
    expect(long.data.length).toBe(4);
    for (const bad of [() => b.recvBytesSync(-1), () => b.recvBytesIntoSync(target, 9)]) {
      expect(thrown(bad)).toBeInstanceOf(RangeError);
    }
    a.sendSync('no bytes');
    expect(thrown(() => b.recvBytesSync())).toBeInstanceOf(TypeError);
    expect(thrown(() => a.sendBytesSync('text' as never))).toBeInstanceOf(TypeError);
  });
});

test('recv and poll end in time, and by a signal', async () => {
  const [a, b] = Pipe<number>();
  expect(await failure(() => a.recv({ timeout: 1 }))).toBeInstanceOf(TimeoutError);
  expect(thrown(() => a.recvSync({ timeout: 1 }))).toBeInstanceOf(TimeoutError);
  expect([await a.poll(), a.pollSync(), await a.poll({ timeout: 1 })]).toEqual([false, false, false]);
  const controller = new AbortController();
  const waits = [a.recv({ signal: controller.signal }), a.poll({ signal: controller.signal })];
  const errors = waits.map((wait) => failure(() => wait));
  controller.abort('no');
  expect(await Promise.all(errors)).toEqual(['no', 'no']);
  expect(thrown(() => a.pollSync({ signal: AbortSignal.abort('now') }))).toBe('now');
  for (const n of numbers(3)) b.sendSync(n);
  expect([a.recvSync(), a.recvSync(), a.recvSync()]).toEqual([0, 1, 2]);
});
