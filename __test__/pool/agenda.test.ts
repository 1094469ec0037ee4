import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Agenda } from '../../ts/pool/agenda.js';

/** Timers and the clock stand still until the test moves them. */
function frozen(): Agenda {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  return new Agenda();
}

describe('the agenda of a pool', () => {
  test('entries run in the order of their times, also where several are due at once', () => {
    const agenda = frozen();
    const ran: string[] = [];
    agenda.in(20, () => ran.push('late'));
    agenda.in(10, () => ran.push('early'));
    agenda.in(30, () => ran.push('last'));
    vi.advanceTimersByTime(10);
    expect(ran).toEqual(['early']);
    vi.advanceTimersByTime(20);
    expect(ran).toEqual(['early', 'late', 'last']);
    expect(agenda.next()).toBe(Number.POSITIVE_INFINITY);
  });

  test('what an entry forgets does not run, also if it is due with it', () => {
    const agenda = frozen();
    const second = vi.fn();
    const third = vi.fn();
    agenda.in(1, () => forget());
    const forget = agenda.in(1, second);
    agenda.in(1, () => agenda.clear());
    agenda.in(1, third);
    vi.advanceTimersByTime(5);
    expect(second).not.toHaveBeenCalled();
    expect(third).not.toHaveBeenCalled();
  });

  test('an entry that throws takes none of the others with it', () => {
    const agenda = frozen();
    const ran: string[] = [];
    agenda.in(1, () => {
      throw new Error('from the first');
    });
    agenda.in(2, () => ran.push('second'));
    agenda.in(3, () => ran.push('third'));
    const start = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => start + 5);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(() => agenda.poll()).toThrow('from the first');
    expect(agenda.next()).toBe(0);
    agenda.poll();
    expect(ran).toEqual(['second', 'third']);
  });

  test('an entry that is added while others run is not lost', () => {
    const agenda = frozen();
    const added = vi.fn();
    agenda.in(1, () => void agenda.in(10, added));
    vi.advanceTimersByTime(5);
    expect(added).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10);
    expect(added).toHaveBeenCalledTimes(1);
  });

  test('an entry may lie further ahead than a timer of Node can count', () => {
    const agenda = frozen();
    const run = vi.fn();
    agenda.in(2 ** 32, run);
    vi.advanceTimersByTime(2 ** 32 - 10);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(20);
    expect(run).toHaveBeenCalledTimes(1);
  });
});
