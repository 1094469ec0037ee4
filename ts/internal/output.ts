import type { Writable } from 'node:stream';
import { native } from './native.js';

/** Where whole lines go: to a file descriptor, or to a function. */
export type Target = number | ((lines: Buffer) => void);

/**
 * What a worker prints goes straight to the file descriptor, in whole lines: Node's own way leads through two event
 * loops, so a line would come after the result of the task that printed it, or never.
 */
export class Output {
  readonly #streams: readonly Lines[];

  /** @param targets where standard output and standard error go */
  constructor(targets: readonly [Target, Target] = [1, 2]) {
    this.#streams = targets.map((target) => new Lines(target));
  }

  /** Takes over `process.stdout` and `process.stderr`, at their first use. */
  install(): void {
    for (const [i, name] of (['stdout', 'stderr'] as const).entries()) {
      const property = Object.getOwnPropertyDescriptor(process, name);
      let stream: Writable | undefined;
      Object.defineProperty(process, name, {
        configurable: true,
        enumerable: true,
        get: () => {
          stream ??= this.#streams[i].take((property?.get?.call(process) ?? property?.value) as Writable);
          return stream;
        },
      });
      // What was loaded before may have used it, and the console then keeps it.
      if (process.execArgv.length > 0 || process.env.NODE_OPTIONS) void process[name];
    }
  }

  /** Writes what has not ended in a line yet. */
  flush(): void {
    for (const stream of this.#streams) stream.flush();
  }
}

type Done = (error?: Error | null) => void;

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk !== 'string') return Buffer.from(chunk as Uint8Array);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

class Lines {
  readonly #target: Target;
  #rest: Buffer[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  take(stream: Writable): Writable {
    // Nothing holds it up, not even what went Node's way before and is still under way.
    stream.write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
      const done = (typeof encoding === 'function' ? encoding : callback) as Done | undefined;
      this.#write(bytesOf(chunk, encoding));
      if (done !== undefined) process.nextTick(done);
      return true;
    };
    // For what `end` is given.
    stream._writev = (chunks, done) => {
      for (const { chunk, encoding } of chunks) this.#write(bytesOf(chunk, encoding));
      done();
    };
    return stream;
  }

  flush(): void {
    if (this.#rest.length === 0) return;
    const lines = Buffer.concat(this.#rest);
    this.#rest = [];
    if (typeof this.#target === 'number') native.writeLines(this.#target, lines);
    else this.#target(lines);
  }

  #write(bytes: Buffer): void {
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) {
      this.#rest.push(bytes.subarray(0, end));
      this.flush();
    }
    if (end < bytes.length) this.#rest.push(Buffer.from(bytes.subarray(end)));
  }
}
