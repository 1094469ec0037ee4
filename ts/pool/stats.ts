import type { Readable } from 'node:stream';
import { native } from '../internal/native.js';

/** A worker of a pool. */
export interface WorkerInfo {
  /** Its number, from 1 up: a replacement takes over the number of a worker that is gone. */
  readonly id: number;
  /** The number of its process: this one's, unless the pool's context is `'spawn'`. */
  readonly pid: number;
  /** The number of its thread in that process. */
  readonly threadId: number;
  /** Whether it has started and may take tasks. */
  readonly ready: boolean;
  /** What it prints, with the option `stdio: 'pipe'`, in whole lines; it ends with the worker. Otherwise null. */
  readonly stdout: Readable | null;
  /** As `stdout`, of standard error. */
  readonly stderr: Readable | null;
}

/** What one worker did. Times in milliseconds. */
export interface WorkerStats {
  readonly id: number;
  readonly pid: number;
  readonly threadId: number;
  /** Tasks that it ended, failed ones too. */
  readonly completed: number;
  /** How often it took work from another worker. */
  readonly stolen: number;
  /** From its start until it was ready. */
  readonly startUp: number;
  /** How long its initializer took. */
  readonly init: number;
  /** How long it had nothing to do. */
  readonly waiting: number;
  /** How long it ran tasks. */
  readonly working: number;
}

/** Percentiles of many durations, in milliseconds, exact to a fifth. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** One of the slowest tasks. */
export interface SlowTask {
  /** Number of its call, as in `currentTask().id`. */
  readonly id: number;
  /** Index of its item. */
  readonly index: number;
  readonly workerId: number;
  /** How long it ran, in milliseconds. */
  readonly time: number;
}

/** What a pool did so far. */
export interface PoolStats {
  /** Tasks that returned. */
  readonly completed: number;
  /** Tasks that threw, timed out, were aborted or lost. */
  readonly failed: number;
  /** Tasks that wait or run. */
  readonly pending: number;
  /** Tasks that run. */
  readonly running: number;
  /** How often a worker took work from another. */
  readonly stolen: number;
  /** Workers that died by themselves. */
  readonly restarts: number;
  /** The workers that are there. */
  readonly workers: readonly WorkerStats[];
  /** How long calls waited until a worker took them. */
  readonly waitTime: Percentiles;
  /** How long tasks ran. */
  readonly runTime: Percentiles;
  /** The five slowest tasks, slowest first. */
  readonly slowest: readonly SlowTask[];
}

const TOTALS = 4;
const SLOWEST = 5;
const nsToMs = (ns: number): number => ns / 1e6;

/** Counters as the addon gives them: totals, two histograms, the slowest tasks. */
export class Counts {
  stolen = 0;
  #run: number[] = [];
  #wait: number[] = [];
  #slowest: SlowTask[] = [];

  /** Adds what a worker counted; answers its totals: tasks, stolen, working and waiting nanoseconds. */
  add(counters: readonly number[], workerId: number): readonly number[] {
    const buckets = native.bucketStarts().length;
    if (counters.length === 0) return [0, 0, 0, 0];
    this.stolen += counters[1];
    this.#run = sum(this.#run, counters.slice(TOTALS, TOTALS + buckets));
    this.#wait = sum(this.#wait, counters.slice(TOTALS + buckets, TOTALS + 2 * buckets));
    for (let at = TOTALS + 2 * buckets; at < counters.length; at += 3) {
      const [ns, id, index] = counters.slice(at, at + 3);
      this.#slowest.push({ id, index, workerId, time: nsToMs(ns) });
    }
    this.#slowest = this.#slowest.sort((a, b) => b.time - a.time).slice(0, SLOWEST);
    return counters.slice(0, TOTALS);
  }

  /** A copy, to add to without changing this one. */
  copy(): Counts {
    const copy = new Counts();
    copy.stolen = this.stolen;
    copy.#run = [...this.#run];
    copy.#wait = [...this.#wait];
    copy.#slowest = [...this.#slowest];
    return copy;
  }

  get runTime(): Percentiles {
    return percentiles(this.#run);
  }

  get waitTime(): Percentiles {
    return percentiles(this.#wait);
  }

  get slowest(): readonly SlowTask[] {
    return this.#slowest;
  }
}

function sum(a: readonly number[], b: readonly number[]): number[] {
  return b.map((count, i) => count + (a[i] ?? 0));
}

function percentiles(counts: readonly number[]): Percentiles {
  const starts = native.bucketStarts();
  const total = counts.reduce((all, count) => all + count, 0);
  // A bucket stands for the middle of what falls into it.
  const value = (bucket: number) => nsToMs(((starts[bucket] ?? 0) + (starts[bucket + 1] ?? starts[bucket] ?? 0)) / 2);
  const at = (share: number): number => {
    let left = Math.ceil(total * share);
    for (const [bucket, count] of counts.entries()) {
      left -= count;
      if (count > 0 && left <= 0) return value(bucket);
    }
    return 0;
  };
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
