import { CONCURRENCY_SHIFT, Flag, MAX_CONCURRENCY } from '../internal/layout.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { MAX_TIMER } from '../internal/timer.js';
import type { TaskOptions } from './options.js';

/** What a call wants beyond running its tasks once. Times in milliseconds; Infinity is no limit. */
export interface Policy {
  readonly timeout: number;
  readonly grace: number;
  readonly retries: number;
  readonly retryOn: ((error: Error) => boolean) | undefined;
  readonly backoff: number | ((attempt: number) => number);
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  readonly onReport: ((value: unknown, index: number) => void) | undefined;
}

/** What every call of a pool wants that was given no options of its own; `undefined` if that is nothing. */
export function defaultPolicy(pool: ResolvedPoolOptions): Policy | undefined {
  if (pool.timeout === Number.POSITIVE_INFINITY && pool.retries === 0) return undefined;
  return merged(pool, {});
}

/** What a call wants: its own options over the pool's. */
export function policyOf(pool: ResolvedPoolOptions, own: TaskOptions): Policy | undefined {
  const policy = merged(pool, own);
  const plain =
    policy.timeout === Number.POSITIVE_INFINITY &&
    policy.retries === 0 &&
    policy.signal === undefined &&
    policy.onReport === undefined &&
    policy.concurrency === pool.concurrency;
  return plain ? undefined : policy;
}

function merged(pool: ResolvedPoolOptions, own: TaskOptions): Policy {
  return {
    timeout: own.timeout ?? pool.timeout,
    grace: own.grace ?? pool.grace,
    retries: own.retries ?? pool.retries,
    retryOn: own.retryOn ?? pool.retryOn,
    backoff: own.backoff ?? pool.backoff,
    concurrency: own.concurrency ?? pool.concurrency,
    signal: own.signal,
    onReport: own.onReport,
  };
}

/** What a policy asks of workers: flags of a slot. */
export function flagsOf(
  core: { readonly options: ResolvedPoolOptions; readonly lanes: number },
  policy: Policy | undefined,
): number {
  const concurrency = Math.min(policy?.concurrency ?? core.options.concurrency, MAX_CONCURRENCY, core.lanes);
  const keep = (policy !== undefined && policy.retries > 0) || concurrency > 1;
  const timed = policy !== undefined && policy.timeout !== Number.POSITIVE_INFINITY;
  return ((keep ? Flag.keep : 0) | (timed ? Flag.timed : 0) | (concurrency << CONCURRENCY_SHIFT)) >>> 0;
}

/** What follows a failed attempt: another one after `pause` milliseconds, or the end with `error`. */
export type Consequence = { readonly pause: number } | { readonly error: unknown };

/** What follows when the `attempt`th attempt of a task failed with `error`. A callback that throws is the end, too. */
export function consequence(policy: Policy | undefined, attempt: number, error: unknown): Consequence {
  if (policy === undefined || attempt > policy.retries) return { error };
  try {
    if (policy.retryOn !== undefined && !policy.retryOn(error as Error)) return { error };
    const ms = typeof policy.backoff === 'function' ? policy.backoff(attempt) : policy.backoff;
    return { pause: ms > 0 ? Math.min(ms, MAX_TIMER) : 0 };
  } catch (thrown) {
    return { error: thrown };
  }
}
