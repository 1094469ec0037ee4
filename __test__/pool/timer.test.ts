import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Timer } from '../../ts/internal/timer.js';
import { limited } from '../../ts/pool/async-result.js';
import { limit } from '../../ts/queues/wait.js';
import { failure } from '../helpers.js';

/** What a timer of Node makes 1 ms of. */
const LONG = 2 ** 32 + 1000;

describe('timers longer than those of Node', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  });

  test('they fire once, when their time has come', () => {
    for (const ms of [1, 5, 2 ** 31 - 1, 2 ** 31, LONG]) {
      const run = vi.fn();
      new Timer(ms, run);
      vi.advanceTimersByTime(Math.max(0, ms - 1));
      expect(run).toHaveBeenCalledTimes(0);
      vi.advanceTimersByTime(1);
      expect(run).toHaveBeenCalledTimes(1);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  test('they are cleared before and after the first turn of the timer of Node', () => {
    for (const after of [0, 2 ** 31]) {
      const timer = new Timer(LONG, () => expect.unreachable());
      vi.advanceTimersByTime(after);
      expect(vi.getTimerCount()).toBe(1);
      timer.clear();
      expect(vi.getTimerCount()).toBe(0);
    }
    new Timer(Number.POSITIVE_INFINITY, () => expect.unreachable());
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a wait for a result ends at its time, and no earlier', async () => {
    const late = vi.fn();
    const waiting = failure(() => limited(new Promise(() => {}), { timeout: LONG, signal: undefined })).then(late);
    await vi.advanceTimersByTimeAsync(LONG - 1);
    expect(late).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(late.mock.calls).toMatchObject([[{ name: 'TimeoutError' }]]);
  });

  test('a wait for connections and processes ends at its time, too', async () => {
    const late = vi.fn();
    void limit(LONG, undefined, new AbortController().signal).then(late);
    await vi.advanceTimersByTimeAsync(LONG - 1);
    expect(late).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(late).toHaveBeenCalledTimes(1);
  });
});
