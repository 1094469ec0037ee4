// Checked by the compiler only: types.test.ts runs it over this file.
import {
  Array as ArrayAlias,
  type Guard,
  Lock,
  Pool,
  RawArray,
  RawValue,
  type RGuard,
  RLock,
  SharedArray,
  Value,
} from 'manycore';
import { expectTypeOf } from 'vitest';

const lock = new Lock();
const pool = new Pool(1);
const point = new Value({ x: 'd', y: 'i', n: 'q', on: '?', mark: 'c' }, { x: 1 });
const raw = new RawValue('f');
const doubles = new SharedArray('d', 10);

export const values: unknown[] = [
  expectTypeOf(new Value('i')).toEqualTypeOf<Value<'i'>>(),
  expectTypeOf(new Value('i', 5).value).toEqualTypeOf<number>(),
  expectTypeOf(new Value('float64').add(1)).toEqualTypeOf<number>(),
  expectTypeOf(new Value('q', 5n).value).toEqualTypeOf<bigint>(),
  expectTypeOf(new Value('uint64').or(5n)).toEqualTypeOf<bigint>(),
  expectTypeOf(new Value('?', true).exchange(false)).toEqualTypeOf<boolean>(),
  expectTypeOf(new Value('c', 'x').value).toEqualTypeOf<string>(),
  expectTypeOf(new Value('i').compareExchange(1, 2)).toEqualTypeOf<number>(),
  expectTypeOf(new Value('i').getLock()).toEqualTypeOf<RLock>(),
  expectTypeOf(new Value('i', 0, { lock: true }).getLock()).toEqualTypeOf<RLock>(),
  expectTypeOf(new Value('i', 0, { lock }).getLock()).toEqualTypeOf<Lock>(),
  expectTypeOf(new Value('i', undefined, { lock: false })).toEqualTypeOf<RawValue<'i'>>(),
  expectTypeOf(new Value('i').getObj()).toEqualTypeOf<RawValue<'i'>>(),
  expectTypeOf(new Value('i').hold()).toEqualTypeOf<Promise<RGuard>>(),
  expectTypeOf(new Value('i', 0, { lock }).hold()).toEqualTypeOf<Promise<Guard>>(),
  expectTypeOf(new Value('i').withLockSync(() => 'text')).toEqualTypeOf<string>(),
  expectTypeOf(new Value('i').withLock(async () => 5)).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(pool.apply((it: Value<'i'>) => it.value, [new Value('i')])).toEqualTypeOf<Promise<number>>(),
  // @ts-expect-error there is no such typecode
  new Value('x'),
  // @ts-expect-error a 64-bit integer is a bigint
  new Value('q', 5),
  // @ts-expect-error a number, no string
  new Value('i', '5'),
  // @ts-expect-error booleans cannot be added to
  new Value('?').add(true),
  // @ts-expect-error floating-point numbers have no bits to combine
  new Value('d').and(1),
  // @ts-expect-error a RawValue has no lock
  raw.getLock(),
  // @ts-expect-error this one has no lock either
  new Value('i', 0, { lock: false }).withLockSync(() => 1),
  // @ts-expect-error an option is missing a letter
  new Value('i', 0, { lok: false }),
];

export const structs: unknown[] = [
  expectTypeOf(point.x).toEqualTypeOf<number>(),
  expectTypeOf(point.n).toEqualTypeOf<bigint>(),
  expectTypeOf(point.on).toEqualTypeOf<boolean>(),
  expectTypeOf(point.mark).toEqualTypeOf<string>(),
  expectTypeOf(point.value).toEqualTypeOf<{ x: number; y: number; n: bigint; on: boolean; mark: string }>(),
  expectTypeOf(point.getObj().y).toEqualTypeOf<number>(),
  // @ts-expect-error there is no such field
  point.z,
  // @ts-expect-error nor here
  new Value({ x: 'd' }, { y: 1 }),
  // @ts-expect-error nor such a type
  new Value({ x: 'x' }),
  // @ts-expect-error a struct has no atomic operations
  point.add(1),
];
point.x += 1;
point.value = { y: 2 };

export const arrays: unknown[] = [
  expectTypeOf(ArrayAlias).toEqualTypeOf(SharedArray),
  expectTypeOf(doubles).toEqualTypeOf<SharedArray<'d'>>(),
  expectTypeOf(doubles).toExtend<Float64Array>(),
  expectTypeOf(doubles[0]).toEqualTypeOf<number>(),
  expectTypeOf(new SharedArray('q', [1n])[0]).toEqualTypeOf<bigint>(),
  expectTypeOf(new SharedArray('int16', new Set([1]))).toExtend<Int16Array>(),
  expectTypeOf(new SharedArray('c', 'text')).toExtend<Uint8Array>(),
  expectTypeOf(doubles.getObj()).toEqualTypeOf<Float64Array>(),
  expectTypeOf(doubles.getLock()).toEqualTypeOf<RLock>(),
  expectTypeOf(new SharedArray('i', 4, { lock }).getLock()).toEqualTypeOf<Lock>(),
  expectTypeOf(new RawArray('i', 4)).toEqualTypeOf<Int32Array>(),
  expectTypeOf(new SharedArray('i', 4, { lock: false })).toEqualTypeOf<RawArray<'i'>>(),
  expectTypeOf(doubles.slice()).toExtend<Float64Array>(),
  expectTypeOf(pool.map((x: number) => x + 1, doubles)).toExtend<Promise<ArrayLike<number>>>(),
  // @ts-expect-error an Array of booleans does not exist
  new SharedArray('?', 5),
  // @ts-expect-error bigints into numbers
  new SharedArray('i', [1n]),
  // @ts-expect-error numbers into bigints
  new SharedArray('q', [1]),
  // @ts-expect-error text is for `c` only
  new SharedArray('i', 'text'),
  // @ts-expect-error that is the global Array's
  ArrayAlias.from([1]),
  // @ts-expect-error and that
  ArrayAlias.isArray([]),
];

export const wide = (any: Value, some: SharedArray, own: RLock): unknown[] => [
  any.value,
  some.length,
  own.locked(),
  new RLock(),
];
