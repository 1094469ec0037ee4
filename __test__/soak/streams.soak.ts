import { Pool } from 'manycore';
import { expect, test } from 'vitest';
import { collectGarbage, square } from '../helpers.js';

const megabytes = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);

for (const method of ['imap', 'imapUnordered'] as const) {
  test(`${method} over an endless source: a million items in constant memory`, async ({ task }) => {
    await using pool = new Pool(2);
    let pulled = 0;
    let read = 0;
    let most = 0;
    function* source(): Generator<number> {
      for (;;) {
        pulled += 1;
        most = Math.max(most, pulled - read);
        yield pulled % 1000;
      }
    }
    let sum = 0;
    let early = 0;
    let peak = 0;
    for await (const value of pool[method](square, source())) {
      read += 1;
      sum += value;
      if (read % 50_000 === 0) {
        await collectGarbage();
        const memory = megabytes();
        if (read === 100_000) early = memory;
        peak = Math.max(peak, memory);
      }
      if (read === 1_000_000) break;
    }
    const figures = { items: read, 'memory at 100,000, MB': early, 'peak, MB': peak, 'most items ahead': most };
    console.log(JSON.stringify({ test: method, ...figures }));
    task.meta.figures = figures;
    if (method === 'imap') expect(sum).toBe(332_833_500 * 1000);
    expect(most).toBeLessThan(100_000);
    expect(peak - early).toBeLessThan(50);
  });
}

test('B22 a million calls through four places: none is lost', async ({ task }) => {
  await using pool = new Pool({ processes: 2, maxPending: 4 });
  let sum = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < 1_000_000) {
      const value = await pool.apply(square, [next++ % 10]);
      sum += value;
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: 16 }, lane));
  expect(sum).toBe(28.5 * 1_000_000);
  const figures = { calls: 1_000_000, 'calls per second': Math.round(1e9 / (performance.now() - started)) };
  console.log(JSON.stringify({ test: 'maxPending', ...figures }));
  task.meta.figures = figures;
});
