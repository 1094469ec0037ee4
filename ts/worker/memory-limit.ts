import { native } from '../internal/native.js';

/** Bytes that this worker has in use: its heap, garbage and all, and the array buffers that it made. */
export function memoryInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Looks, between tasks, whether a worker has more memory in use than `maxMemoryPerWorker`. */
export class MemoryLimit {
  readonly #max: number;
  readonly #v8 = process.getBuiltinModule('node:v8');
  #collect: (() => void) | undefined;

  /** @param max in bytes */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the worker is above the limit, garbage not counted. */
  exceeded(): boolean {
    // This takes no system call, and is never less.
    const { used_heap_size, external_memory } = this.#v8.getHeapStatistics();
    if (used_heap_size + external_memory <= this.#max || memoryInUse() <= this.#max) return false;
    this.#collectGarbage();
    return memoryInUse() > this.#max;
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
