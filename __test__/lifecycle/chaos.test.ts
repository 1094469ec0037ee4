import { expect, test } from 'vitest';
import { chaos } from '../chaos.js';

test('threads and processes are ended at random for ten seconds: every task and item is accounted for', async () => {
  const { tasks, kills, timedOut, lost, put } = await chaos(10);
  expect(Math.min(tasks, kills, timedOut, lost, put)).toBeGreaterThan(0);
}, 120_000);
