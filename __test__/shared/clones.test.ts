import threads from 'node:worker_threads';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  JoinableQueue,
  Lock,
  Pipe,
  Queue,
  RawValue,
  RLock,
  Semaphore,
  SimpleQueue,
  Value,
} from 'manycore';
import { expect, test } from 'vitest';
import { thrown } from '../helpers.js';

test("Node's own ways to copy refuse handles, where Node can be told, and make plain objects elsewhere", () => {
  const value = new Value('i', 5);
  const locks = [new Lock(), new RLock(), value.getLock(), new Semaphore(), new BoundedSemaphore()];
  const others = [
    new Condition(),
    new Event(),
    new Barrier(2),
    new Queue(),
    new JoinableQueue(),
    new SimpleQueue(),
    ...Pipe(),
  ];
  for (const handle of [value, value.getObj(), new RawValue('i', 5), ...locks, ...others]) {
    if ('markAsUncloneable' in threads) {
      expect(thrown(() => structuredClone(handle)).name).toBe('DataCloneError');
      expect(thrown(() => structuredClone([{ handle }])).name).toBe('DataCloneError');
    } else {
      expect(Object.getPrototypeOf(structuredClone(handle))).toBe(Object.prototype);
    }
  }
});
