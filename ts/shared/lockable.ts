import { expected } from '../internal/describe.js';
import { handleKey, type SharedHandle } from '../internal/handles.js';
import { type Checks, optionsOf } from '../internal/options/checks.js';
import type { Guard } from '../sync/guard.js';
import { Lock } from '../sync/lock.js';
import type { AcquireOptions } from '../sync/options.js';
import { RLock } from '../sync/rlock.js';
import { constantOf, ObjectLayout, Opened, openHandle } from './objects.js';

/** How a `Value` or `Array` is made. */
export interface SharedOptions<L extends boolean | Lock | RLock = boolean | Lock | RLock> {
  /**
   * The lock that comes with it: `true` for an `RLock` of its own, `false` for none, or a lock that others use, too.
   * @default true
   */
  readonly lock?: L;
}

/** What a `Value` or an `Array` with a lock has beside its data. */
export interface Lockable<L extends Lock | RLock> {
  /** The lock that came with it. Nothing takes it but you. Python: `get_lock()`. */
  getLock(): L;
  /** Acquires the lock: see `acquire` there. */
  acquire: L['acquire'];
  /** Acquires the lock, blocking the thread: see `acquireSync` there. */
  acquireSync: L['acquireSync'];
  /** Releases the lock. */
  release(): void;
  /** Calls `fn` while the lock is held: see `withLock` there. Python: `with value.get_lock():`. */
  withLock: L['withLock'];
  /** Calls `fn` while the lock is held, blocking the thread: see `withLockSync` there. */
  withLockSync: L['withLockSync'];
  /** Acquires the lock and gives a guard: see `hold` there. */
  hold: L['hold'];
}

/** The constant of an object that says which lock it has: its own, none, or else the block of the lock. */
export const OWN = 0;
export const RAW = 1;

const checks: Checks = {
  lock(value, name) {
    if (typeof value === 'boolean' || value instanceof Lock || value instanceof RLock) return value;
    throw new TypeError(expected(name, 'true, false, a Lock or an RLock', value));
  },
};

/** The constant for the `lock` option among the options that were given, and the objects that it needs. */
export function readLock(options: unknown): readonly [lock: number, needs: number[]] {
  if (options === undefined) return [OWN, []];
  const { lock = true } = optionsOf<SharedOptions>(options, checks, 'an object such as `{ lock: false }`');
  if (typeof lock === 'boolean') return [lock ? OWN : RAW, []];
  const { block } = lock[handleKey];
  return [block, [block]];
}

/** Adds the methods of a lock to the class of a Value or an Array. */
export function lockable<H extends SharedHandle, A extends unknown[]>(
  Raw: new (...args: A) => H,
): new (
  ...args: A
) => H {
  const Base = Raw as unknown as new (...args: unknown[]) => SharedHandle;
  return class extends Base {
    #lock: Lock | RLock | undefined;

    getLock(): Lock | RLock {
      this.#lock ??= lockOf(this);
      return this.#lock;
    }
    acquire(options?: AcquireOptions): Promise<boolean> {
      return this.getLock().acquire(options);
    }
    acquireSync(options?: AcquireOptions): boolean {
      return this.getLock().acquireSync(options);
    }
    release(): void {
      this.getLock().release();
    }
    withLock<R>(fn: (guard: Guard) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
      return this.getLock().withLock(fn, options);
    }
    withLockSync<R>(fn: () => R, options?: AcquireOptions): R {
      return this.getLock().withLockSync(fn, options);
    }
    hold(options?: AcquireOptions): Promise<Guard> {
      return this.getLock().hold(options);
    }
  } as unknown as new (
    ...args: A
  ) => H;
}

function lockOf(handle: SharedHandle): Lock | RLock {
  const { block } = handle[handleKey];
  const lock = constantOf(block, ObjectLayout.c);
  if (lock === OWN) return new RLock(new Opened(block, handle));
  // Another object's lock is one that this object contains.
  const other = openHandle(lock) as Lock | RLock | Lockable<RLock>;
  return 'getLock' in other ? other.getLock() : other;
}
