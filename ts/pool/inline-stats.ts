import type { Percentiles, SlowTask } from './stats.js';

/** Each bucket is longer than the one before by a fifth. */
const STEP = Math.log(1.2);
/** What is shorter counts as this, in milliseconds. */
const SHORTEST_MS = 1e-4;
const SLOWEST = 5;

/** Many durations in little memory. */
class Durations {
  readonly #buckets = new Map<number, number>();
  #total = 0;

  add(ms: number): void {
    const bucket = Math.round(Math.log(Math.max(ms, SHORTEST_MS)) / STEP);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.#total++;
  }

  percentiles(): Percentiles {
    const sorted = [...this.#buckets].sort(([a], [b]) => a - b);
    const at = (share: number): number => {
      let left = Math.ceil(this.#total * share);
      for (const [bucket, count] of sorted) {
        left -= count;
        if (left <= 0) return Math.exp(bucket * STEP);
      }
      return 0;
    };
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  }
}

/** What an inline pool counts. */
export class InlineTally {
  completed = 0;
  failed = 0;
  readonly #wait = new Durations();
  readonly #run = new Durations();
  #slowest: SlowTask[] = [];

  /** The first task of a call has begun, `ms` milliseconds after the call. */
  waited(ms: number): void {
    this.#wait.add(ms);
  }

  /** A task has run. */
  ran(task: SlowTask): void {
    this.#run.add(task.time);
    const slowest = this.#slowest;
    if (slowest.length === SLOWEST && task.time <= slowest[SLOWEST - 1].time) return;
    this.#slowest = [...slowest, task].sort((a, b) => b.time - a.time).slice(0, SLOWEST);
  }

  get waitTime(): Percentiles {
    return this.#wait.percentiles();
  }

  get runTime(): Percentiles {
    return this.#run.percentiles();
  }

  get slowest(): readonly SlowTask[] {
    return this.#slowest;
  }
}
