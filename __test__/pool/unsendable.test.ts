import { Lock, SerializationError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, square } from '../helpers.js';

const kindOf = (value: unknown): string => typeof value;

describe('what belongs to the thread that made it is no argument and no result', () => {
  test('a Pool, an AsyncResult, an ImapIterator, a Guard', async () => {
    const pool = makePool(1);
    const guard = await new Lock().hold();
    const result = pool.applyAsync(square, [1]);
    for (const [value, hint] of [
      [pool, 'a task can make one of its own'],
      [result, 'send what it resolves with'],
      [pool.imap(square, [1]), 'send the results that it gives'],
      [guard, 'send the lock'],
    ] as const) {
      const error = (await failure(() => pool.apply(kindOf, [{ deep: value }]))) as SerializationError;
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.path).toBe('args[0].deep');
      expect(error.message).toContain(hint);
    }
    guard.release();
    await result;
  });

  test('nor is a Guard that a task gives back', async () => {
    const pool = makePool(1);
    const error = await failure(() => pool.apply(async (lock: Lock) => ({ lock: await lock.hold() }), [new Lock()]));
    expect(error).toBeInstanceOf(SerializationError);
    expect((error as SerializationError).path).toBe('result.lock');
  });
});
