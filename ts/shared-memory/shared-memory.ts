import { threadId } from 'node:worker_threads';
import { StateError } from '../internal/errors.js';
import { type Describable, describeKey } from '../internal/handles.js';
import { loadNative } from '../internal/load-native.js';
import { type NamedBlock, native } from '../internal/native.js';
import { type Checks, ofType, optionsOf } from '../internal/options/checks.js';
import { named } from '../internal/system-errors.js';
import { prepareTracker } from '../internal/tracker.js';
import { onRevive } from '../shared/objects.js';
import { blockName, blockSize } from './options.js';

/** What {@link SharedMemory.create} takes. */
export interface SharedMemoryOptions {
  /**
   * The block's name: 1 to 255 bytes, without NUL and `/`.
   * @default a new one, as CPython makes them: `psm_` and 8 hexadecimal digits
   */
  name?: string | undefined;
  /** Its size in bytes, from 1 up. All of it is allocated at once. */
  size: number;
}

/** What {@link SharedMemory.attach} takes beside the name. */
export interface AttachOptions {
  /**
   * Whether the block is removed when this process ends, as if this process had made it. `false` leaves that to others.
   * @default true, as in Python 3.13
   */
  track?: boolean | undefined;
}

const createChecks: Checks = { name: blockName, size: blockSize };
const attachChecks: Checks = { track: ofType('boolean') };

/** A name as CPython makes them: `psm_` and 8 hexadecimal digits. What makes them is slow to load, and few need it. */
const randomName = (): string => `psm_${process.getBuiltinModule('node:crypto').randomBytes(4).toString('hex')}`;

/**
 * Node 20 can crash when a worker drops an external buffer before it ends, so there it drops those only that are closed:
 * they have nothing left to free.
 */
const kept = threadId === 0 || Number.parseInt(process.versions.node, 10) >= 22 ? undefined : new Set<ArrayBuffer>();

/**
 * A block of memory with a name, by which other processes attach to it: those of Python, too. Blocks made here and by
 * CPython's `multiprocessing.shared_memory` are the same.
 *
 * A block lives until it is unlinked, once, by any of those who use it. Should the process that made it end without, even
 * by SIGKILL, a helper process removes it and says so on stderr.
 *
 * @example
 * using shm = SharedMemory.create({ size: 1024 });
 * new Int32Array(shm.buffer)[0] = 42;
 * // elsewhere, in Python: SharedMemory(name).buf[0]
 * const same = SharedMemory.attach(shm.name);
 * new Int32Array(same.buffer)[0]; // 42
 * shm.unlink();
 *
 * Python: `multiprocessing.shared_memory.SharedMemory`.
 */
export class SharedMemory implements Disposable, Describable {
  /** The name by which others attach to the block. */
  readonly name: string;
  /** Its size in bytes, as the system gives it: what was asked for on Linux, whole pages elsewhere. */
  readonly size: number;
  readonly #id: number;
  #buffer: ArrayBuffer | undefined;

  // The bundler gives a class another name that uses itself.
  static {
    Object.defineProperty(SharedMemory, 'name', { value: 'SharedMemory' });
  }

  private constructor(name: string, block: NamedBlock) {
    if (!(block?.buffer instanceof ArrayBuffer)) {
      throw new TypeError('Use `SharedMemory.create({ size })` or `SharedMemory.attach(name)`');
    }
    this.name = name;
    this.size = block.buffer.byteLength;
    this.#id = block.id;
    this.#buffer = block.buffer;
    kept?.add(block.buffer);
  }

  /**
   * Sent by its name: it arrives as the same block, not tracked, since who sent it answers for it.
   * @internal
   */
  [describeKey](): { readonly type: string; readonly data: unknown } {
    return { type: 'SharedMemory', data: this.name };
  }

  /**
   * Makes a block, filled with zeros, that only this user can attach to.
   *
   * @throws TypeError or RangeError for options that cannot be; an Error with `code` `EEXIST` if the name is taken, `ENOSPC`
   * or `ENOMEM` if there is no memory for it.
   *
   * Python: `SharedMemory(name, create=True, size=size)`.
   */
  static create(options: SharedMemoryOptions): SharedMemory {
    const given = optionsOf<SharedMemoryOptions>(options, createChecks);
    // A size that is missing is not read above.
    blockSize(given.size, 'size');
    loadNative();
    prepareTracker();
    for (;;) {
      const name = given.name ?? randomName();
      try {
        return new SharedMemory(
          name,
          named(() => native.createNamed(name, given.size)),
        );
      } catch (error) {
        // A random name that somebody has: the next.
        if (given.name !== undefined || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /**
   * Attaches to a block that exists.
   *
   * @throws TypeError or RangeError for arguments that cannot be; an Error with `code` `ENOENT` if there is no such block.
   *
   * Python: `SharedMemory(name, track=track)`.
   */
  static attach(name: string, options: AttachOptions = {}): SharedMemory {
    blockName(name, 'name');
    const { track = true } = optionsOf<AttachOptions>(options, attachChecks);
    loadNative();
    if (track) prepareTracker();
    return new SharedMemory(
      name,
      named(() => native.attachNamed(name, track)),
    );
  }

  /**
   * The block's bytes. Other processes may change them at any time: read a number where it lies, and copy anything longer
   * before it is decoded or sorted.
   *
   * @throws StateError after `close()`.
   *
   * Python: `SharedMemory.buf`.
   */
  get buffer(): ArrayBuffer {
    if (this.#buffer === undefined) throw new StateError(`The shared memory block \`${this.name}\` is closed`);
    return this.#buffer;
  }

  /**
   * Ends the use of the block through this object; the block itself stays. The buffer is detached: every view of it has
   * the length 0 from now on. To call it again does nothing.
   *
   * An asynchronous call that still uses the buffer (`fs.write`, `zlib.deflate`) sees zeros from then on, or fails: let it
   * end first. Python refuses with `BufferError` while there are views; here they cannot be counted.
   *
   * Python: `SharedMemory.close()`.
   */
  close(): void {
    if (this.#buffer === undefined) return;
    const buffer = this.#buffer;
    this.#buffer = undefined;
    native.closeNamed(this.#id, buffer);
    kept?.delete(buffer);
  }

  /**
   * Takes the block's name away: nobody can attach to it any more, and its memory is free when the last who uses it has
   * closed it. To be called once for each block, before or after `close()`.
   *
   * @throws an Error with `code` `ENOENT` if the block was unlinked before.
   *
   * Python: `SharedMemory.unlink()`.
   */
  unlink(): void {
    named(() => native.unlinkNamed(this.name));
  }

  /** The same as `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

onRevive('SharedMemory', (name) => SharedMemory.attach(name as string, { track: false }));
