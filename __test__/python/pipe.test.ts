import { BufferTooShortError, EOFError, Pipe, StateError, wait } from 'manycore';
import { expect, test } from 'vitest';
import { failure, makePool, numbers, ref, thrown } from '../helpers.js';

const task = (name: string) => ref('queues.mjs', name);
const hello = Buffer.from('hello world');

test('144 connection: objects, bytes, 16 MiB, into a buffer, polls, the end', async () => {
  const pool = makePool(1);
  const [here, there] = Pipe<unknown>();
  const echo = pool.apply(task('echoSync'), [there]);
  there.close();
  for (const value of [[1, 2.25, null], 'text', hello]) {
    await here.send(value);
    expect(await here.recv()).toEqual(value);
  }
  const large = Buffer.alloc(16 << 20, 'X');
  await here.send(large);
  expect(Buffer.compare((await here.recv()) as Buffer, large)).toBe(0);
  const buffer = new Float64Array(10);
  await here.sendBytes(Float64Array.from(numbers(4)));
  expect(await here.recvBytesInto(buffer, 3 * 8)).toBe(32);
  expect([...buffer]).toEqual([0, 0, 0, 0, 1, 2, 3, 0, 0, 0]);
  const long = Buffer.from('latin'.repeat(100));
  await here.sendBytes(long);
  const error = await failure(() => here.recvBytesInto(buffer));
  expect(error).toBeInstanceOf(BufferTooShortError);
  expect(Buffer.compare(error.data, long)).toBe(0);
  expect([await here.poll(), await here.poll({ timeout: -1 })]).toEqual([false, false]);
  const from = performance.now();
  expect(await here.poll({ timeout: 20 })).toBe(false);
  expect(performance.now() - from).toBeGreaterThan(15);
  await here.send(null);
  expect(await here.poll({ timeout: 60_000 })).toBe(true);
  expect(await here.recv()).toBe(null);
  await Promise.all([failure(() => echo), pool.terminate()]);
  expect(await failure(() => here.recv())).toBeInstanceOf(EOFError);
  expect(await failure(() => here.send(1))).toBeInstanceOf(EOFError);
});

test('145 a pipe of one way: each end says which, and refuses the other', async () => {
  const [reader, writer] = Pipe(false);
  await writer.send(1);
  expect(await reader.recv()).toBe(1);
  expect([reader.readable, reader.writable, writer.readable, writer.writable]).toEqual([true, false, false, true]);
  for (const use of [() => reader.send(2), () => writer.recv(), () => writer.poll()]) {
    expect(await failure(use)).toBeInstanceOf(StateError);
  }
});

test("146 the parent may close its handle of the worker's end right after the call", async () => {
  const pool = makePool(1);
  const [here, there] = Pipe<Buffer>();
  const echo = pool.apply(task('echoUntilEnd'), [there]);
  there.close();
  await here.send(hello);
  expect(Buffer.compare(await here.recv(), hello)).toBe(0);
  here.close();
  expect(await echo).toBe('end');
});

test('147 sendBytes: parts, and five that are none', () => {
  const [a, b] = Pipe();
  const message = Buffer.from('abcdefghijklmnopqrstuvwxyz');
  for (const [offset, size] of [[], [5], [7, 8], [26], [26, 0]] as [number?, number?][]) {
    a.sendBytesSync(message, offset, size);
    const end = size === undefined ? 26 : (offset ?? 0) + size;
    expect(b.recvBytesSync().toString()).toBe(message.toString('latin1', offset ?? 0, end));
  }
  for (const [offset, size] of [[27], [22, 5], [26, 1], [-1], [4, -1]] as [number, number?][]) {
    expect(thrown(() => a.sendBytesSync(message, offset, size))).toBeInstanceOf(RangeError);
  }
});

test('149 a closed end refuses everything; `using` closes it', async () => {
  const [a, b] = Pipe();
  a[Symbol.dispose]();
  expect(a.closed).toBe(true);
  expect(await failure(() => a.recv())).toBeInstanceOf(StateError);
  b[Symbol.dispose]();
  expect(b.closed).toBe(true);
});

test('150 an empty message is a message', async () => {
  const [a, b] = Pipe();
  await a.sendBytes(Buffer.alloc(0));
  expect([await b.poll(), b.pollSync()]).toEqual([true, true]);
  expect(b.recvBytesSync().length).toBe(0);
  expect(b.pollSync()).toBe(false);
});

test('151 short messages, empty ones among them, arrive one by one', async () => {
  const pool = makePool(1);
  const strings = ['hello', '', 'a', 'b', '', 'bye', '', 'lop'];
  const [here, there] = Pipe<string>();
  const sent = pool.apply(task('sendAll'), [there, strings, 1]);
  there.close();
  for (const text of strings) {
    while (!(await here.poll({ timeout: 10 })));
    expect(await here.recv()).toBe(text);
  }
  await sent;
});

test('152 a poll takes nothing of a message', async () => {
  const pool = makePool(1);
  const [here, there] = Pipe();
  const polled = pool.apply(task('pollSync'), [there, { timeout: 60_000 }]);
  await here.send('one');
  await here.send('two');
  expect(await polled).toBe(true);
  expect([await there.recv(), await there.recv()]).toEqual(['one', 'two']);
});

test('153 messages stay apart', async () => {
  const pool = makePool(1);
  const [here, there] = Pipe();
  const sent = pool.apply(task('sendBytesAll'), [there, ['a', 'b', 'cd']]);
  there.close();
  const got: string[] = [];
  for (let i = 0; i < 3; i++) {
    expect(await here.poll({ timeout: 60_000 })).toBe(true);
    got.push((await here.recvBytes()).toString());
  }
  expect(got).toEqual(['a', 'b', 'cd']);
  await sent;
});

test('154 a connection that was sent goes on working, in its direction', async () => {
  const pool = makePool(1);
  const [door, inside] = Pipe<unknown>();
  const forwarded = pool.apply(task('forward'), [inside]);
  const [reader, writer] = Pipe(false);
  await door.send(reader);
  reader.close();
  await writer.send('for whoever has it');
  expect(await forwarded).toBe('for whoever has it');
  const [again, back] = Pipe(false);
  const came = (await pool.apply(task('give'), [[again, back]])) as (typeof again)[];
  expect(came.map((end) => [end.readable, end.writable])).toEqual([
    [true, false],
    [false, true],
  ]);
});

test('159 wait: the messages of four writers, and their ends', async () => {
  const pool = makePool(4);
  const readers = new Set<ReturnType<typeof Pipe>[0]>();
  const writing = numbers(4).map((id) => {
    const [reader, writer] = Pipe(false);
    readers.add(reader);
    const messages = numbers(10).map((i) => [i, id]);
    const sent = pool.apply(task('sendAll'), [writer, messages, id === 0 ? 3 : 0]);
    writer.close();
    return sent;
  });
  const got: unknown[][] = [];
  while (readers.size > 0) {
    for (const reader of await wait([...readers])) {
      try {
        got.push((await reader.recv()) as unknown[]);
      } catch (error) {
        expect(error).toBeInstanceOf(EOFError);
        readers.delete(reader);
      }
    }
  }
  await Promise.all(writing);
  const expected = numbers(4).flatMap((id) => numbers(10).map((i) => [i, id]));
  expect(got.sort(([i, id], [j, other]) => Number(id) - Number(other) || Number(i) - Number(j))).toEqual(expected);
});

test('161 wait: nothing when the time is up, then what is ready', async () => {
  const [a, b] = Pipe();
  const from = performance.now();
  expect(await wait([a, b], { timeout: 50 })).toEqual([]);
  expect(performance.now() - from).toBeGreaterThan(40);
  await b.send(null);
  expect(await wait([a, b], { timeout: 60_000 })).toEqual([a]);
});

test('162 wait: exactly those that are ready, a promise among them; a negative time gives nothing', async () => {
  const [[a, x], [b, y]] = [Pipe(), Pipe()];
  let exit = (): void => {};
  const exited = new Promise<void>((resolve) => {
    exit = resolve;
  });
  expect(await wait([a, exited, b], { timeout: -1 })).toEqual([]);
  x.sendSync(null);
  expect(await wait([a, exited, b])).toEqual([a]);
  exit();
  expect(await wait([a, exited, b])).toEqual([a, exited]);
  y.sendSync(null);
  expect(await wait([a, exited, b])).toEqual([a, exited, b]);
});
