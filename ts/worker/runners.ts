import { types } from 'node:util';
import type { AnyFunction, Definition } from '../internal/functions/definition.js';
import { load, resolveTask } from '../internal/functions/load.js';
import { SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { tidy } from '../internal/numbers.js';

/** Where a column loop stopped before the end: at an item whose result is no number. */
export interface Stop {
  index: number;
  value: unknown;
}

/**
 * Calls `fn` for the numbers `input[inAt + i]`, `from <= i < to`, and writes numbers to `output[outAt + i]`. Keeps the
 * lane's progress in `words`: the index that runs, and how many results are in place. Answers true at the end, or when
 * nobody wants the rest; false when it stopped, and why in `stop`.
 */
export type ColumnLoop = (
  fn: AnyFunction,
  input: ArrayLike<number>,
  inAt: number,
  output: Float64Array,
  outAt: number,
  from: number,
  to: number,
  words: Uint32Array,
  currentAt: number,
  publishedAt: number,
  cancelledAt: number,
  stop: Stop,
) => boolean;

/** The numbers are tidied as `tidy` does it. */
const LOOP = `'use strict';
return function columnLoop(fn, input, inAt, output, outAt, from, to, words, currentAt, publishedAt, cancelledAt, stop) {
  let published = 0;
  for (let i = from; i < to; i++) {
    if (words[cancelledAt] !== 0) return true;
    words[currentAt] = i;
    const item = input[inAt + i];
    const integer = item | 0;
    const value = fn(integer === item && (integer !== 0 || 1 / item > 0) ? integer : item);
    if (typeof value !== 'number') {
      stop.index = i;
      stop.value = value;
      return false;
    }
    output[outAt + i] = value;
    words[publishedAt] = ++published;
  }
  return true;
}`;

/** A function as this worker knows it. */
export class Runner {
  readonly fn: AnyFunction;
  /**
   * Whether what the function starts may outlive its call, so that an async context has to remember the task: it is an
   * async function, or it returned a promise before.
   */
  asynchronous: boolean;
  #loop: ColumnLoop | undefined;

  constructor(fn: AnyFunction) {
    this.fn = fn;
    this.asynchronous = types.isAsyncFunction(fn);
  }

  /**
   * The loop over columns, compiled for this function alone: a loop that has called only one function is one into which
   * the compiler puts that function's body.
   */
  get loop(): ColumnLoop {
    this.#loop ??= compileLoop();
    return this.#loop;
  }
}

let shared: ColumnLoop | undefined;

function compileLoop(): ColumnLoop {
  try {
    return new Function(LOOP)() as ColumnLoop;
  } catch {
    // Code from strings is forbidden here: all functions share one loop.
    shared ??= sharedLoop;
    return shared;
  }
}

const sharedLoop: ColumnLoop = (
  fn,
  input,
  inAt,
  output,
  outAt,
  from,
  to,
  words,
  currentAt,
  publishedAt,
  cancelledAt,
  stop,
) => {
  let published = 0;
  for (let i = from; i < to; i++) {
    if (words[cancelledAt] !== 0) return true;
    words[currentAt] = i;
    const value = fn(tidy(input[inAt + i])) as unknown;
    if (typeof value !== 'number') {
      stop.index = i;
      stop.value = value;
      return false;
    }
    output[outAt + i] = value;
    words[publishedAt] = ++published;
  }
  return true;
};

/** The functions of the pool, by number, fetched at first sight. */
export class Runners {
  readonly #pool: number;
  readonly #known: Array<Runner | undefined> = [];

  constructor(pool: number) {
    this.#pool = pool;
  }

  /** The runner for the job in `slot`: at once if it is known or can be made here, otherwise a promise for it. */
  of(slot: number): Runner | Promise<Runner> {
    const number = memory.u32[slot * SLOT_WORDS + Slot.fn];
    return this.#known[number] ?? this.get(number);
  }

  get(number: number): Runner | Promise<Runner> {
    const known = this.#known[number];
    if (known !== undefined) return known;
    const definition = JSON.parse(native.definition(this.#pool, number).toString()) as Definition;
    if (definition.kind === 'module') return resolveTask(definition).then((fn) => this.#keep(number, fn));
    return this.#keep(number, load(definition));
  }

  #keep(number: number, fn: AnyFunction): Runner {
    const runner = this.#known[number] ?? new Runner(fn);
    this.#known[number] = runner;
    return runner;
  }
}
