import { native } from '../internal/native.js';

/**
 * Bytes that this worker has in use, garbage and all. A thread: its heap, and the array buffers that it made. A process of
 * its own: what it has of the system and shares with nobody.
 */
function memoryInUse(child: boolean): number {
  if (child) return native.privateMemory();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Looks, between tasks, whether a worker has more memory in use than `maxMemoryPerWorker`. */
export class MemoryLimit {
  readonly #max: number;
  readonly #child: boolean;
  readonly #v8 = process.getBuiltinModule('node:v8');
  #collect: (() => void) | undefined;

  /**
   * @param max in bytes
   * @param child whether the worker is a process of its own
   */
  constructor(max: number, child: boolean) {
    this.#max = max;
    this.#child = child;
  }

  /** Whether the worker is above the limit, garbage not counted. */
  exceeded(): boolean {
    if (!this.#child) {
      // This takes no system call, and is never less.
      const { used_heap_size, external_memory } = this.#v8.getHeapStatistics();
      if (used_heap_size + external_memory <= this.#max) return false;
    }
    if (memoryInUse(this.#child) <= this.#max) return false;
    this.#collectGarbage();
    return memoryInUse(this.#child) > this.#max;
  }

  #collectGarbage(): void {
    // V8's flags are the whole process's: with this one every new context would have a global `gc`.
    if (this.#collect === undefined) {
      native.oneAtATime(() => {
        this.#v8.setFlagsFromString('--expose-gc');
        this.#collect = process.getBuiltinModule('node:vm').runInNewContext('gc') as () => void;
        this.#v8.setFlagsFromString('--no-expose-gc');
      });
    }
    // The first frees array buffers in the background, which the second waits for: else they would still count.
    this.#collect?.();
    this.#collect?.();
  }
}
