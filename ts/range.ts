import { expected } from './internal/describe.js';

/**
 * The integers from `start` up to `stop`, without it, in steps of `step`: as Python's `range`. It holds three numbers,
 * whatever its length, and can be iterated any number of times.
 *
 * @param start the first number; with one argument it is `stop`, and the range starts at 0.
 * @param step may be negative. @default 1
 * @throws TypeError for what is not a number; RangeError for what is not a safe integer, and for a step of 0.
 * @example
 * await pool.map(square, range(10)); // of 0 … 9
 * [...range(10, 0, -3)]; // [10, 7, 4, 1]
 *
 * Python: `range`.
 */
export function range(stop: number): Range;
export function range(start: number, stop: number, step?: number): Range;
export function range(start: number, stop?: number, step = 1): Range {
  return stop === undefined ? new Range(0, start, step) : new Range(start, stop, step);
}

/** What {@link range} gives. */
export class Range implements Iterable<number> {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  /** How many numbers it has. */
  readonly length: number;

  constructor(start: number, stop: number, step: number) {
    integer('start', start);
    integer('stop', stop);
    integer('step', step);
    if (step === 0) throw new RangeError(expected('step', 'an integer other than 0', step));
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }

  /** The number at an index; a negative index counts from the end; `undefined` outside of the range. */
  at(index: number): number | undefined {
    const whole = Math.trunc(index) || 0;
    const i = whole < 0 ? whole + this.length : whole;
    return i >= 0 && i < this.length ? this.start + i * this.step : undefined;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    const { start, step, length } = this;
    for (let i = 0; i < length; i++) yield start + i * step;
  }

  get [Symbol.toStringTag](): string {
    return 'Range';
  }
}

function integer(name: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(expected(name, 'an integer', value));
  if (!Number.isSafeInteger(value)) throw new RangeError(expected(name, 'an integer', value));
}
