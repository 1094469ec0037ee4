import { Process } from 'manycore';
import { expect, test } from 'vitest';
import { addon } from '../helpers.js';

const target = (): number => 7;

test('a child that cannot be started costs nothing: the next ones start', async () => {
  const blocks = addon.blocksInUse();
  for (let i = 0; i < 300; i++) {
    const process = new Process({ target, context: 'spawn', env: { A: 'a\0b' } });
    expect(() => process.start()).toThrow();
  }
  const next = new Process({ target, context: 'spawn' }).start();
  expect(await next.result).toBe(7);
  await next.join();
  expect(addon.blocksInUse() - blocks).toBeLessThan(1 << 20);
});

test('the result of a process that is closed before it was started is an error', async () => {
  const process = new Process({ target });
  const result = process.result.catch((error: unknown) => error);
  process.close();
  expect(await result).toMatchObject({ code: 'ERR_MANYCORE_STATE' });
});
