import type { MessagePort } from 'node:worker_threads';
import type { Policy } from './policy.js';
import type { Occupant } from './slots.js';

/** What occupies a job slot: one call, or a range of items. */
export interface Job extends Occupant {
  /** A record about it has come. The arguments are those of {@link Recipient.record}. */
  record(kind: number, a: number, b: number, c: number, d: number, e: number): void;
  readonly policy: Policy | undefined;
  /** The task at `index` has run for longer than the policy allows; `stop` stops it. */
  timedOut(index: number, stop: () => void): void;
  /** A worker has taken it, and wants what was moved with its arguments. */
  giveParcel?(port: MessagePort): void;
  /** The pool ends: the caller gets `error`, at once. */
  refuse(error: unknown): void;
  /** Nobody wants it any more: the caller gets `reason`, at once, and a task that runs is stopped. */
  abort(reason: unknown): void;
}

/** A job that waits for room. */
export interface Waiting {
  /** How many tasks it is. */
  readonly tasks: number;
  /** The backlog's own: it waits there, and is wanted. */
  counted?: boolean;
  /** Starts it. False: there is still no room for it. */
  start(): boolean;
  refuse(error: unknown): void;
}
