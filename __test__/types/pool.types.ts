// Checked by the compiler only: types.test.ts runs it over this file.
import {
  type AsyncResult,
  apply,
  currentTask,
  type ImapIterator,
  imap,
  map,
  Pool,
  type PoolStats,
  range,
  starmap,
  TimeoutError,
  task,
  tasks,
  transfer,
  WorkerLostError,
} from 'manycore';
import { expectTypeOf } from 'vitest';

declare const pool: Pool;
declare const url: URL;
const length = (text: string): number => text.length;
const later = async (text: string): Promise<Date> => new Date(text);
const pair = (name: string, count: number): `${string}` => name.repeat(count);
const optional = (a: number, b?: string): boolean => a > 0 && b === undefined;
const typed = tasks<typeof import('../fixtures/typed.js')>(url);

export const apply_: unknown[] = [
  expectTypeOf(pool.apply(length, ['a'])).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(pool.apply(later, ['a'])).toEqualTypeOf<Promise<Date>>(),
  expectTypeOf(pool.apply(pair, ['a', 2])).toEqualTypeOf<Promise<string>>(),
  expectTypeOf(pool.apply(optional, [1])).toEqualTypeOf<Promise<boolean>>(),
  expectTypeOf(pool.apply(optional, [1, 'b'], { timeout: 5 })).toEqualTypeOf<Promise<boolean>>(),
  expectTypeOf(pool.apply(() => 5)).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(pool.applySync(later, ['a'])).toEqualTypeOf<Date>(),
  expectTypeOf(pool.applyAsync(later, ['a'])).toEqualTypeOf<AsyncResult<Date>>(),
  expectTypeOf(pool.applyAsync(later, ['a']).get()).toEqualTypeOf<Promise<Date>>(),
  expectTypeOf(
    pool.applyAsync(length, ['a'], { callback: (value: number) => void value }).ready(),
  ).toEqualTypeOf<boolean>(),
  expectTypeOf(apply(length, ['a'])).toEqualTypeOf<Promise<number>>(),
  // @ts-expect-error the argument is a string
  pool.apply(length, [5]),
  // @ts-expect-error an argument is missing
  pool.apply(pair, ['a']),
  // @ts-expect-error the arguments come as a list
  pool.apply(length, 'a'),
  // @ts-expect-error the callback takes a Date
  pool.applyAsync(later, ['a'], { callback: (value: number) => void value }),
];

export const map_: unknown[] = [
  expectTypeOf(pool.map(length, ['a'])).toEqualTypeOf<Promise<number[]>>(),
  expectTypeOf(pool.map(later, new Set(['a']))).toEqualTypeOf<Promise<Date[]>>(),
  expectTypeOf(pool.map((x) => `${x.toFixed()}`, [1, 2])).toEqualTypeOf<Promise<string[]>>(),
  expectTypeOf(pool.map((x: number) => x > 1, range(3))).toEqualTypeOf<Promise<boolean[]>>(),
  expectTypeOf(pool.map(length, ['a'], 5)).toEqualTypeOf<Promise<number[]>>(),
  expectTypeOf(pool.map(length, ['a'], { chunkSize: 5 })).toEqualTypeOf<Promise<number[]>>(),
  expectTypeOf(pool.mapSync(later, ['a'])).toEqualTypeOf<Date[]>(),
  expectTypeOf(pool.mapAsync(later, ['a'])).toEqualTypeOf<AsyncResult<Date[]>>(),
  expectTypeOf(pool.map(length, ['a'], { settled: true })).toEqualTypeOf<Promise<PromiseSettledResult<number>[]>>(),
  expectTypeOf(pool.map((x: number) => x, new Float64Array(2))).toExtend<Promise<Float64Array>>(),
  expectTypeOf(map(length, ['a'])).toEqualTypeOf<Promise<number[]>>(),
  // @ts-expect-error the items are numbers
  pool.map(length, [1, 2]),
  // @ts-expect-error an asynchronous source cannot be read by a blocking call
  pool.mapSync(length, asynchronous),
  // @ts-expect-error a number cannot be iterated
  pool.map(length, 5),
  // @ts-expect-error there is no such option
  pool.map(length, ['a'], { chunksize: 5 }),
];

export const starmap_: unknown[] = [
  expectTypeOf(pool.starmap(pair, [['a', 1]])).toEqualTypeOf<Promise<string[]>>(),
  expectTypeOf(pool.starmapAsync(pair, [['a', 1]])).toEqualTypeOf<AsyncResult<string[]>>(),
  expectTypeOf(pool.starmapSync(pair, [['a', 1]])).toEqualTypeOf<string[]>(),
  expectTypeOf(pool.starmap(optional, [[1], [2, 'b']])).toEqualTypeOf<Promise<boolean[]>>(),
  expectTypeOf(starmap(pair, [['a', 1]])).toEqualTypeOf<Promise<string[]>>(),
  // @ts-expect-error the second argument is a number
  pool.starmap(pair, [['a', 'b']]),
  // @ts-expect-error each item is a list of arguments
  pool.starmap(pair, ['a']),
];

declare const asynchronous: AsyncIterable<string>;

export const imap_: unknown[] = [
  expectTypeOf(pool.imap(length, ['a'])).toEqualTypeOf<ImapIterator<number>>(),
  expectTypeOf(pool.imap(later, asynchronous)).toEqualTypeOf<ImapIterator<Date>>(),
  expectTypeOf(pool.imapUnordered(length, ['a'], 5)).toEqualTypeOf<ImapIterator<number>>(),
  expectTypeOf(pool.istarmap(pair, [['a', 1]])).toEqualTypeOf<ImapIterator<string>>(),
  expectTypeOf(pool.istarmapUnordered(pair, [['a', 1]])).toEqualTypeOf<ImapIterator<string>>(),
  expectTypeOf(pool.imap(length, ['a']).next({ timeout: 5 })).toExtend<Promise<IteratorResult<number>>>(),
  expectTypeOf(pool.imap(length, ['a'], { settled: true })).toEqualTypeOf<ImapIterator<PromiseSettledResult<number>>>(),
  expectTypeOf(imap(length, asynchronous)).toEqualTypeOf<ImapIterator<number>>(),
];

export const references: unknown[] = [
  expectTypeOf(pool.map(typed.norm, [{ x: 1, y: 2 }])).toEqualTypeOf<Promise<number[]>>(),
  expectTypeOf(pool.starmap(typed.label, [['a', 1]])).toEqualTypeOf<Promise<string[]>>(),
  expectTypeOf(pool.map(task(length), ['a'])).toEqualTypeOf<Promise<number[]>>(),
  expectTypeOf(pool.map(task<typeof length>(url, 'length'), ['a'])).toEqualTypeOf<Promise<number[]>>(),
  pool.map(task(url, 'anything'), ['a', 5]),
  pool.apply(task('file:///a.mjs', 'anything'), ['a', 5]),
  // @ts-expect-error the points have numbers
  pool.map(typed.norm, [{ x: '1', y: 2 }]),
  // @ts-expect-error there is no such export
  typed.nothing,
  // @ts-expect-error an export that is no function is no task
  pool.apply(typed.version),
];

export const others: unknown[] = [
  expectTypeOf(pool.ready()).toEqualTypeOf<Promise<Pool>>(),
  expectTypeOf(pool.terminate()).toEqualTypeOf<Promise<void>>(),
  expectTypeOf(pool.stats()).toEqualTypeOf<PoolStats>(),
  expectTypeOf(pool.processes).toEqualTypeOf<number>(),
  expectTypeOf(currentTask()?.signal).toEqualTypeOf<AbortSignal | undefined>(),
  expectTypeOf(transfer(new Float64Array(1), [])).toExtend<Float64Array>(),
  expectTypeOf(new WorkerLostError('x').exitCode).toEqualTypeOf<number | null>(),
  expectTypeOf(new TimeoutError('x').code).toExtend<string>(),
  new Pool(),
  new Pool(2),
  new Pool({
    processes: 2,
    initializer: (name: string) => name,
    initArgs: ['x'],
    maxRestarts: { count: 1, within: 5 },
  }),
  // @ts-expect-error the pool is not sized by text
  new Pool('2'),
  // @ts-expect-error there is no such option
  new Pool({ maxtasksperchild: 1 }),
  // @ts-expect-error there is no such start method in Node
  new Pool({ context: 'fork' }),
];
