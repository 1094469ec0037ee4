import { WorkerLostError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, Gate, inChildren, makePool, numbers, ref, square, thrown, watch } from '../helpers.js';

const exhaust = ref('death.mjs', 'exhaust');
const resourceLimits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 };
/** V8 says why on standard error, and aborts the process. */
const ending = inChildren
  ? { reason: 'killed by SIGABRT', signal: 'SIGABRT', exitCode: -6 }
  : { reason: 'out of memory', exitCode: 1 };

describe('B36 out of memory', () => {
  test('B36 that call rejects and says so; the pool goes on', async () => {
    const pool = makePool({ processes: 1, resourceLimits });
    const error = await failure(() => pool.apply(exhaust));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error).toMatchObject(ending);
    expect(error.message).toContain(ending.reason);
    if (!inChildren) expect(error.cause?.code).toBe('ERR_WORKER_OUT_OF_MEMORY');
    expect(await pool.map(square, numbers(10))).toEqual(numbers(10).map(square));
    expect(pool.stats().restarts).toBe(1);
  });

  test('B36 what waits behind it is run', async () => {
    const pool = makePool({ processes: 1, resourceLimits });
    const lost = watch(pool.apply(exhaust));
    const calls = numbers(20).map((x) => pool.apply(square, [x]));
    expect(await Promise.all(calls)).toEqual(numbers(20).map(square));
    expect(lost.settled).toBe(1);
  });

  test('B36 what it had finished long ago of a chunk does not run again', async () => {
    const pool = makePool({ processes: 1, resourceLimits });
    for (const wait of ['sync', 'async']) {
      const gate = new Gate();
      const items = numbers(20).map((item): [Int32Array, number, string] => [gate.shared, item, wait]);
      const settled = await pool.starmap(ref('death.mjs', 'exhaustAtLast'), items, { chunkSize: 20, settled: true });
      expect(settled.flatMap((it, index) => (it.status === 'rejected' ? [index] : []))).toEqual([19]);
      expect(gate.entered).toBe(20);
    }
  });

  test('B36 a blocking call throws it', () => {
    const pool = makePool({ processes: 1, resourceLimits });
    const error = thrown(() => pool.applySync(exhaust));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error).toMatchObject(ending);
    expect(error.message).toContain(ending.reason);
    expect(pool.applySync(square, [3])).toBe(9);
  });
});
