// Checked by the compiler only: types.test.ts runs it over this file.
import { type Connection, JoinableQueue, Pipe, Queue, type QueueOptions, SimpleQueue, wait } from 'manycore';
import { expectTypeOf } from 'vitest';

const options: QueueOptions = { maxSize: 3 };
const queue = new Queue<string>(options);
const [here, there] = Pipe<{ n: number }>();

export const queues: unknown[] = [
  expectTypeOf(queue.get()).resolves.toEqualTypeOf<string>(),
  expectTypeOf(queue.getSync({ timeout: 1 })).toEqualTypeOf<string>(),
  expectTypeOf(queue.getMany(3)).resolves.toEqualTypeOf<string[]>(),
  expectTypeOf(queue.put).parameter(0).toEqualTypeOf<string>(),
  expectTypeOf(queue.putMany).parameter(0).toEqualTypeOf<Iterable<string>>(),
  expectTypeOf(queue).toExtend<AsyncIterable<string>>(),
  expectTypeOf(new Queue().getNowait()).toEqualTypeOf<unknown>(),
  expectTypeOf(new JoinableQueue<number>(5)).toExtend<Queue<number>>(),
  expectTypeOf(new JoinableQueue<number>().lost).toEqualTypeOf<number>(),
  expectTypeOf(new SimpleQueue<Date>().getSync()).toEqualTypeOf<Date>(),
];

export const pipes: unknown[] = [
  expectTypeOf(here).toEqualTypeOf<Connection<{ n: number }>>(),
  expectTypeOf(there.recvSync()).toEqualTypeOf<{ n: number }>(),
  expectTypeOf(here.sendBytes).parameter(0).toExtend<ArrayBuffer | SharedArrayBuffer | ArrayBufferView>(),
  expectTypeOf(wait([here, there], { timeout: 0 })).resolves.toEqualTypeOf<Connection<{ n: number }>[]>(),
];

// @ts-expect-error what a queue is for is checked
queue.put(5);
