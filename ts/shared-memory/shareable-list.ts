import { describe, expected } from '../internal/describe.js';
import { type Describable, describeKey } from '../internal/handles.js';
import { optionsOf } from '../internal/options/checks.js';
import { onRevive } from '../shared/objects.js';
import { blockName } from './options.js';
import { type AttachOptions, SharedMemory } from './shared-memory.js';
import { Format, type Packed, pack, readCount, type Shareable, same, unpack, writeCount } from './values.js';

/** What {@link ShareableList.create} takes beside the values. */
export interface ShareableListOptions {
  /**
   * The name of the list's block.
   * @default a new one, as for {@link SharedMemory.create}
   */
  name?: string | undefined;
}

/** Bytes of a slot's packing format. */
const FORMAT_BYTES = 8;

/**
 * A list of fixed length in a block of shared memory, which Python reads and writes as well: its bytes are those of
 * CPython's `ShareableList`.
 *
 * A slot can be given a value of another type, but no string or bytes longer than it has room for: those that it was
 * made with, rounded up to the next multiple of 8 bytes above their length; 8 bytes where it was made with anything else.
 *
 * The list has no lock. Who reads a slot while another writes it may see a mixture of both values.
 *
 * @example
 * const list = ShareableList.create(['howdy', -273.15, 100, null, true]);
 * const same = ShareableList.attach(list.shm.name); // in Python: ShareableList(name=…)
 * same.set(2, -78.5);
 * list.get(2); // -78.5
 * list.shm.close();
 * list.shm.unlink();
 *
 * Python: `multiprocessing.shared_memory.ShareableList`.
 */
export class ShareableList implements Iterable<Shareable>, Describable {
  /** The block that holds the list: closed and unlinked by whoever uses the list. */
  readonly shm: SharedMemory;
  /** How many values it holds; it never changes. Python: `len(list)`. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where each slot begins in the block, and where the last one ends, which is where the formats begin. */
  readonly #slots: readonly number[];

  // The bundler gives a class another name that uses itself.
  static {
    Object.defineProperty(ShareableList, 'name', { value: 'ShareableList' });
  }

  private constructor(shm: SharedMemory) {
    if (!(shm instanceof SharedMemory)) {
      throw new TypeError('Use `ShareableList.create(values)` or `ShareableList.attach(name)`');
    }
    this.shm = shm;
    this.#bytes = new Uint8Array(shm.buffer);
    this.#view = new DataView(shm.buffer);
    this.#slots = readSlots(this.#view);
    this.length = this.#slots.length - 1;
  }

  /**
   * Sent by the name of its block: it arrives as the same list, not tracked, since who sent it answers for it.
   * @internal
   */
  [describeKey](): { readonly type: string; readonly data: unknown } {
    return { type: 'ShareableList', data: this.shm.name };
  }

  /**
   * Makes a list of these values.
   *
   * An integral number is an `int` for Python, any other number a `float`; a bigint is an `int`, too.
   *
   * @throws TypeError for a value of another type; RangeError for an integer that needs more than 64 bits, a string with a
   * lone surrogate, and 10 million bytes or more in one slot; and what {@link SharedMemory.create} throws.
   *
   * Python: `ShareableList(values, name=name)`.
   */
  static create(values: Iterable<Shareable>, options: ShareableListOptions = {}): ShareableList {
    const { name } = optionsOf<ShareableListOptions>(options, { name: blockName });
    if (typeof values?.[Symbol.iterator] !== 'function') throw new TypeError(expected('values', 'an iterable', values));
    const packed = Array.from(values, (value, i) => pack(value, `values[${i}]`));
    const rooms = packed.map((value, i) => {
      const { length } = value.bytes;
      const room = value.format === Format.bytes ? 8 * (Math.floor(length / 8) + 1) : 8;
      if (formatOf(value, room).length <= FORMAT_BYTES) return room;
      throw new RangeError(`Expected \`values[${i}]\` to have less than 10 million bytes, got ${length}`);
    });
    const count = packed.length;
    const data = rooms.reduce((sum, room) => sum + room, 0);
    const size = 8 * (count + 2) + data + (FORMAT_BYTES + 1) * count;
    const shm = SharedMemory.create({ name, size });
    const view = new DataView(shm.buffer);
    writeCount(view, 0, count);
    let end = 0;
    for (const [i, room] of rooms.entries()) {
      end += room;
      writeCount(view, 8 * (i + 2), end);
    }
    const list = new ShareableList(shm);
    for (const [i, value] of packed.entries()) list.#put(i, value, formatOf(value, rooms[i] as number));
    return list;
  }

  /**
   * Attaches to a list that exists.
   *
   * @param options as for {@link SharedMemory.attach}.
   * @throws RangeError if the block holds no list; and what {@link SharedMemory.attach} throws.
   *
   * Python: `ShareableList(name=name)`.
   */
  static attach(name: string, options?: AttachOptions): ShareableList {
    const shm = SharedMemory.attach(name, options);
    try {
      return new ShareableList(shm);
    } catch (error) {
      shm.close();
      throw error;
    }
  }

  /**
   * The value in a slot; −1 is the last one.
   *
   * @throws TypeError or RangeError for an index that the list does not have; StateError if its block is closed.
   *
   * Python: `list[index]`.
   */
  get(index: number): Shareable {
    const at = this.#at(index);
    const format = this.#format(at);
    const begin = this.#slots[at] as number;
    const room = (this.#slots[at + 1] as number) - begin;
    const length = lengthOf(format);
    if (!(length <= room)) throw new RangeError(`Slot ${at} of \`${this.shm.name}\` has no format: \`${format}\``);
    // A copy: what another process changes meanwhile must not be decoded.
    return unpack(format, this.#bytes[this.#codes + at] as number, this.#bytes.slice(begin, begin + length));
  }

  /**
   * Puts a value into a slot; −1 is the last one.
   *
   * @throws TypeError or RangeError for an index that the list does not have, for a value that no list can hold, and for a
   * string or bytes that the slot has no room for; StateError if its block is closed.
   *
   * Python: `list[index] = value`.
   */
  set(index: number, value: Shareable): void {
    const at = this.#at(index);
    const packed = pack(value, 'value');
    const room = (this.#slots[at + 1] as number) - (this.#slots[at] as number);
    if (packed.bytes.length > room) {
      throw new RangeError(`Expected \`value\` to have at most ${room} bytes, got ${packed.bytes.length}`);
    }
    this.#put(at, packed, formatOf(packed, room));
  }

  /** How many slots hold this value. Python: `list.count(value)`. */
  count(value: Shareable): number {
    let count = 0;
    for (const held of this) if (same(held, value)) count++;
    return count;
  }

  /**
   * The index of the first slot that holds this value.
   *
   * @throws RangeError if none does.
   *
   * Python: `list.index(value)`.
   */
  index(value: Shareable): number {
    let at = 0;
    for (const held of this) {
      if (same(held, value)) return at;
      at++;
    }
    throw new RangeError(`${describe(value)} is not in the list`);
  }

  /** The packing formats of all values, one after the other, as Python's `struct` writes them. Python: `list.format`. */
  get format(): string {
    return Array.from({ length: this.length }, (_, i) => this.#format(this.#at(i))).join('');
  }

  /** The values, one by one. */
  *[Symbol.iterator](): Generator<Shareable, void, undefined> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  /** Checks an index, and that the block is open. */
  #at(index: number): number {
    const { length } = this;
    if (typeof index !== 'number') throw new TypeError(expected('index', 'a number', index));
    if (!Number.isInteger(index) || index < -length || index >= length) {
      throw new RangeError(expected('index', `an index of a list of ${length}`, index));
    }
    void this.shm.buffer;
    return index < 0 ? index + length : index;
  }

  /** Where the formats begin. */
  get #formats(): number {
    return this.#slots[this.length] as number;
  }

  /** Where the codes begin. */
  get #codes(): number {
    return this.#formats + FORMAT_BYTES * this.length;
  }

  #format(at: number): string {
    const begin = this.#formats + FORMAT_BYTES * at;
    return Buffer.from(this.#bytes.slice(begin, begin + FORMAT_BYTES))
      .toString('latin1')
      .replace(/\0+$/, '');
  }

  /** Writes a value with its format, in the order of CPython: format, code, bytes. */
  #put(at: number, { bytes, code }: Packed, format: string): void {
    const formats = this.#formats + FORMAT_BYTES * at;
    this.#bytes.set(Buffer.alloc(FORMAT_BYTES).fill(format, 0, format.length, 'latin1'), formats);
    this.#bytes[this.#codes + at] = code;
    const begin = this.#slots[at] as number;
    this.#bytes.set(bytes, begin);
    if (isRun(format)) this.#bytes.fill(0, begin + bytes.length, begin + lengthOf(format));
  }
}

/** The format of a packed value in a slot of `room` bytes. */
function formatOf({ format }: Packed, room: number): string {
  return format === Format.bytes ? `${room}${format}` : format;
}

/** Whether it is the format of a string or of bytes: `16s`. */
function isRun(format: string): boolean {
  return /^\d+s$/.test(format);
}

/** How many bytes a format describes; NaN if it is none. */
function lengthOf(format: string): number {
  if (isRun(format)) return Number.parseInt(format, 10);
  return Object.values<string>(Format).includes(format) && format !== Format.bytes ? 8 : Number.NaN;
}

/** Reads where the slots of a list lie; throws a RangeError if there is no list. */
function readSlots(view: DataView): number[] {
  const size = view.byteLength;
  const count = size < 16 ? Number.NaN : readCount(view, 0);
  const start = 8 * (count + 2);
  const slots: number[] = [];
  let last = 0;
  if (start <= size) {
    for (let i = 0; i <= count; i++) {
      const offset = readCount(view, 8 * (i + 1));
      // A slot has 8 bytes or more, and the first begins where the offsets end.
      if (!(i === 0 ? offset === 0 : offset >= last + 8)) break;
      last = offset;
      slots.push(start + offset);
    }
  }
  if (slots.length !== count + 1 || start + last + (FORMAT_BYTES + 1) * count > size) {
    throw new RangeError('The shared memory block holds no ShareableList');
  }
  return slots;
}

onRevive('ShareableList', (name) => ShareableList.attach(name as string, { track: false }));
