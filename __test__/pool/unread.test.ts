import { StateError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { type Outcome, Unread } from '../../ts/pool/unread.js';

/** How many are kept of a source that may have no end, and more than that. */
const KEPT = 100;
const MANY = 110;

const result = (value: unknown): Outcome => ({ ok: true, value });

function addAll(unread: Unread, from: number, to: number): void {
  for (let i = from; i < to; i++) unread.add(i, result(i));
}

/** Reads to the end: how many results there were, the last one, and the errors. */
function readAll(unread: Unread): { count: number; last: unknown; errors: unknown[] } {
  const read = { count: 0, last: undefined as unknown, errors: [] as unknown[] };
  for (let outcome = unread.take(); outcome !== undefined; outcome = unread.take()) {
    if (outcome.ok) {
      read.count++;
      read.last = outcome.value;
    } else {
      read.errors.push(outcome.error);
    }
  }
  return read;
}

describe('results of an imap that nobody has read', () => {
  test('they come in the order of the items, or in that in which they arrived', () => {
    for (const [ordered, expected] of [
      [true, [undefined, 'a', 'b', 'c', undefined]],
      [false, [undefined, 'c', 'a', 'b', undefined]],
    ] as const) {
      const unread = new Unread(ordered, false);
      const seen: unknown[] = [];
      const take = () => {
        const outcome = unread.take();
        seen.push(outcome?.ok ? outcome.value : outcome);
      };
      take();
      for (const [index, value] of [
        [2, 'c'],
        [0, 'a'],
        [1, 'b'],
      ] as const)
        unread.add(index, result(value));
      for (let i = 0; i < 4; i++) take();
      expect(seen).toEqual(expected);
      expect([unread.read, unread.arrived]).toEqual([3, 3]);
    }
  });

  for (const ordered of [true, false]) {
    const order = ordered ? 'in order' : 'in any order';

    test(`${order}: without a join nothing is dropped`, () => {
      const unread = new Unread(ordered, false, KEPT);
      addAll(unread, 0, MANY);
      expect(readAll(unread)).toEqual({ count: MANY, last: MANY - 1, errors: [] });
    });

    test(`${order}: a join keeps all results of a source that is known to end`, () => {
      const unread = new Unread(ordered, true, KEPT);
      unread.join();
      addAll(unread, 0, MANY);
      unread.ask(MANY);
      expect(readAll(unread)).toEqual({ count: MANY, last: MANY - 1, errors: [] });
    });

    test(`${order}: of another source it waits for who has asked before`, () => {
      const unread = new Unread(ordered, false, KEPT);
      unread.ask(0);
      unread.join();
      expect(unread.isFull(KEPT - 1)).toBe(false);
      expect(unread.isFull(KEPT)).toBe(true);
      addAll(unread, 0, MANY);
      expect(readAll(unread)).toEqual({ count: MANY, last: MANY - 1, errors: [] });
      expect(unread.isFull(MANY)).toBe(false);
    });

    test(`${order}: what nobody has asked for is dropped, and whoever asks later is told`, () => {
      const unread = new Unread(ordered, false, KEPT);
      unread.join();
      addAll(unread, 0, MANY);
      expect(unread.isFull(MANY)).toBe(false);
      // Two more are under way.
      unread.ask(MANY + 2);
      addAll(unread, MANY, MANY + 5);
      const { count, last, errors } = readAll(unread);
      expect([count, last]).toEqual([KEPT + 3, MANY + 4]);
      expect(errors).toMatchObject([{ message: expect.stringMatching(/12 results/) }]);
      expect(errors[0]).toHaveProperty('code', new StateError('').code);
      expect([unread.read, unread.arrived]).toEqual([MANY + 5, MANY + 5]);
    });
  }
});
