/**
 * The classes of shared objects. They are bundled apart: an isolate has one copy of them, which the main entry imports
 * and which a worker loads when the first shared object arrives.
 */

import './queues/open.js';

export type { Stdio } from './internal/stdio.js';
export { runChild } from './process/child.js';
export { currentProcess, ParentProcess, parentProcess } from './process/current.js';
export type { ProcessInfo, ProcessOptions } from './process/options.js';
export { activeChildren, declarePlain, Process, Thread } from './process/process.js';
export { type BytesLike, Connection, Pipe } from './queues/connection.js';
export { JoinableQueue, Queue, type QueueOptions } from './queues/queue.js';
export { SimpleQueue } from './queues/simple-queue.js';
export { type Waitable, wait } from './queues/wait.js';
export { RawArray, SharedArray, SharedArray as Array } from './shared/array.js';
export type { ArrayCode, PlainArray } from './shared/array-types.js';
export type { SharedOptions } from './shared/lockable.js';
export { openBuffer, openHandle, revive } from './shared/objects.js';
export { RawValue, Value } from './shared/value.js';
export type { Element, StructCode, TypeCode } from './shared/value-types.js';
export { ShareableList } from './shared-memory/shareable-list.js';
export { SharedMemory } from './shared-memory/shared-memory.js';
export { Barrier, type BarrierOptions } from './sync/barrier.js';
export { Condition } from './sync/condition.js';
export { Event } from './sync/event.js';
export type { Guard, RGuard } from './sync/guard.js';
export { Lock } from './sync/lock.js';
export type { AcquireOptions } from './sync/options.js';
export { RLock } from './sync/rlock.js';
export { BoundedSemaphore, Semaphore } from './sync/semaphore.js';
