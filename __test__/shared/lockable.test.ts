import { Lock, RawArray, RawValue, RLock, SharedArray, Value } from 'manycore';
import { describe, expect, test } from 'vitest';

const kinds = [
  {
    kind: 'a Value',
    Locked: Value,
    Raw: RawValue,
    make: (options?: object) => new Value('i', 5, options),
    makeRaw: () => new RawValue('i', 5),
    read: (value: object) => (value as { value?: unknown }).value,
  },
  {
    kind: 'an Array',
    Locked: SharedArray,
    Raw: RawArray,
    make: (options?: object) => new SharedArray('i', [5], options),
    makeRaw: () => new RawArray('i', [5]),
    read: (array: object) => (array as { 0?: unknown })[0],
  },
];
const methods = ['getLock', 'getObj', 'acquire', 'acquireSync', 'release', 'withLock', 'withLockSync', 'hold'];

describe.each(kinds)('the lock of $kind', ({ Locked, Raw, make, makeRaw, read }) => {
  test('is an RLock of its own, none, or the one that is given', async () => {
    const own = make();
    expect(own.getLock()).toBeInstanceOf(RLock);
    expect(own.getLock()).toBe(own.getLock());
    expect(make().getLock()).not.toBe(own.getLock());
    for (const lock of [new Lock(), new RLock(), own.getLock()]) {
      const given = make({ lock });
      expect(given.getLock()).toBe(lock);
      expect(given.acquireSync()).toBe(true);
      expect(lock.locked()).toBe(true);
      given.release();
      expect(lock.locked()).toBe(false);
      expect(given.withLockSync(() => lock.locked())).toBe(true);
      expect(await given.withLock(() => lock.locked())).toBe(true);
      expect(lock.locked()).toBe(false);
    }
    expect(own).not.toBeInstanceOf(Raw);
    for (const raw of [make({ lock: false }), makeRaw()]) {
      for (const method of methods) {
        expect(method in raw).toBe(false);
        expect(method in own).toBe(true);
      }
      expect(raw).toBeInstanceOf(Locked);
      expect(raw).toBeInstanceOf(Raw);
      expect(read(raw)).toBe(5);
    }
  });
});
