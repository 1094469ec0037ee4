import { describe, expect, it } from 'vitest';
import { range } from '../../ts/range.js';

describe('range', () => {
  it.each([
    [[5], [0, 1, 2, 3, 4]],
    [[0], []],
    [[-3], []],
    [
      [2, 5],
      [2, 3, 4],
    ],
    [[5, 2], []],
    [
      [0, 10, 3],
      [0, 3, 6, 9],
    ],
    [
      [0, 9, 3],
      [0, 3, 6],
    ],
    [
      [10, 0, -3],
      [10, 7, 4, 1],
    ],
    [[0, 10, -1], []],
    [
      [-2, 2],
      [-2, -1, 0, 1],
    ],
  ])('%j', (args, numbers) => {
    const made = range(...(args as [number, number, number]));
    expect([...made]).toEqual(numbers);
    expect(made.length).toBe(numbers.length);
    expect(Array.from({ length: made.length }, (_, i) => made.at(i))).toEqual(numbers);
  });

  it('can be iterated again, and by two at once', () => {
    const three = range(3);
    const [a, b] = [three[Symbol.iterator](), three[Symbol.iterator]()];
    expect([a.next().value, b.next().value, a.next().value, b.next().value]).toEqual([0, 0, 1, 1]);
    expect([...three]).toEqual([0, 1, 2]);
  });

  it('takes no memory for its numbers', () => {
    const huge = range(Number.MAX_SAFE_INTEGER);
    expect(huge.length).toBe(Number.MAX_SAFE_INTEGER);
    expect(huge.at(-1)).toBe(Number.MAX_SAFE_INTEGER - 1);
  });

  it('answers undefined outside of itself, and counts from the end', () => {
    expect(range(3).at(3)).toBeUndefined();
    expect(range(3).at(-4)).toBeUndefined();
    expect(range(3).at(-1)).toBe(2);
    expect(range(3).at(1.9)).toBe(1);
    expect(range(0).at(0)).toBeUndefined();
  });

  it('says what it is', () => {
    expect(String(range(3))).toBe('[object Range]');
    expect(range(1, 7, 2)).toMatchObject({ start: 1, stop: 7, step: 2 });
  });

  it('refuses a step of 0, fractions, and what is not a number', () => {
    expect(() => range(0, 5, 0)).toThrow(RangeError);
    expect(() => range(1.5)).toThrow('Expected `stop` to be an integer, got `1.5` (number)');
    expect(() => range(0, Number.POSITIVE_INFINITY)).toThrow(RangeError);
    expect(() => range(Number.NaN)).toThrow(RangeError);
    expect(() => range('5' as never)).toThrow(TypeError);
    expect(() => range(0, 5, null as never)).toThrow(TypeError);
  });
});
