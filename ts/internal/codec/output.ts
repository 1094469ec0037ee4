import { constants } from 'node:buffer';
import { allocate, type Bytes, type StringBytes } from './bytes.js';
import { FLOAT64, INT32, LATIN1, SHORT_STRING, SHORT_UCS2, UCS2 } from './tags.js';

/** Room that is kept free behind `limit`, so that values of a fixed size need one check, made when they begin. */
const SLACK = 64;
/** Strings up to this length are written unit by unit: a native call costs more. Fits into SLACK. */
const LOOP_LENGTH = 24;
const SHORT_LENGTH = 15;
const SCRATCH_SIZE = 1 << 16;
const SCRATCH_KEEP = 1 << 20;

/** Units that Latin-1 lacks. On one-byte strings V8 answers without looking at them. */
const WIDE = /[\u0100-\uffff]/;

const NOTHING = allocate(0);

/**
 * Where a message is written: the caller's memory, and once that is full a scratch of our own, to which what is written
 * so far moves. So positions that are kept (to patch a count, to roll back) are relative to `start`.
 */
export class Output {
  /** Holds the message when it did not fit into the target. */
  scratch: Bytes = NOTHING;
  /** The length of the message in `scratch`. */
  length = 0;

  u8: Buffer = NOTHING.u8;
  dv: DataView = NOTHING.dv;
  start = 0;
  pos = 0;
  /** While `pos` is not above it, SLACK bytes are free. */
  limit = 0;

  #target: Bytes = NOTHING;
  #targetPos = 0;
  #targetEnd = 0;
  #spilled = false;
  #apart = false;
  #reserve: Bytes = NOTHING;

  protected open(target: Bytes, pos: number, end: number): void {
    this.#target = target;
    this.#targetPos = pos;
    this.#targetEnd = end;
    this.#spilled = false;
    this.#apart = false;
    this.scratch = NOTHING;
    this.u8 = target.u8;
    this.dv = target.dv;
    this.start = pos;
    this.pos = pos;
    this.limit = end - SLACK;
  }

  /** @returns the end of the message in the target, or -1 if it is in `scratch` */
  protected finish(): number {
    const target = this.#target;
    if (!this.#spilled) {
      this.#checkTarget();
      return this.pos;
    }
    const length = this.pos;
    if (!this.#apart && length <= this.#targetEnd - this.#targetPos) {
      target.u8.set(this.u8.subarray(0, length), this.#targetPos);
      return this.#targetPos + length;
    }
    this.scratch = this.#reserve;
    this.length = length;
    return -1;
  }

  /** Lets go of the target, and of memory that is too large to keep; `scratch` holds the message until the next one. */
  protected release(): void {
    this.#target = NOTHING;
    this.u8 = NOTHING.u8;
    this.dv = NOTHING.dv;
    if (this.#reserve.u8.length > SCRATCH_KEEP) this.#reserve = NOTHING;
    if (this.scratch.u8.length > SCRATCH_KEEP && this.scratch !== this.#reserve && !this.#spilled)
      this.scratch = NOTHING;
  }

  /** Makes sure that `size` bytes and SLACK more are free. */
  reserve(size: number): void {
    if (this.pos + size > this.limit) this.grow(size);
  }

  /** Goes on in the scratch, or in a larger one. */
  grow(size: number): void {
    if (!this.#spilled) this.#checkTarget();
    const used = this.pos - this.start;
    const needed = used + size + SLACK;
    if (this.#spilled || this.#reserve.u8.length < needed) {
      const old = this.#spilled ? this.#reserve.u8.length : 0;
      const bytes = allocate(Math.max(SCRATCH_SIZE, Math.min(old * 2, constants.MAX_LENGTH), needed));
      bytes.u8.set(this.u8.subarray(this.start, this.pos));
      this.#reserve = bytes;
    } else {
      this.#reserve.u8.set(this.u8.subarray(this.start, this.pos));
    }
    this.#spilled = true;
    this.u8 = this.#reserve.u8;
    this.dv = this.#reserve.dv;
    this.start = 0;
    this.pos = used;
    this.limit = this.u8.length - SLACK;
  }

  /** A getter of the user's may have made the target's memory grow: the views that we hold are of no use then. */
  #checkTarget(): void {
    if (this.u8 !== this.#target.u8) throw new Error('the memory moved while a getter ran');
  }

  /** Leaves the target for good, because it may move or be detached under our hands. */
  protected leaveTarget(): void {
    if (!this.#spilled) this.grow(0);
  }

  /** The message is to be in the scratch, even if there is room for it in the target. */
  protected stayApart(): void {
    this.leaveTarget();
    this.#apart = true;
  }

  byte(value: number): void {
    this.u8[this.pos++] = value;
  }

  uint32(value: number): void {
    this.dv.setUint32(this.pos, value, true);
    this.pos += 4;
  }

  float64(value: number): void {
    this.dv.setFloat64(this.pos, value, true);
    this.pos += 8;
  }

  /** A number with its tag; room is checked by the caller. */
  number(value: number): void {
    if ((value | 0) === value) {
      if (value > 0 && value < 128) {
        this.u8[this.pos++] = value;
        return;
      }
      if (value !== 0) {
        this.u8[this.pos] = INT32;
        this.dv.setInt32(this.pos + 1, value, true);
        this.pos += 5;
        return;
      }
      if (1 / value > 0) {
        this.u8[this.pos++] = 0;
        return;
      }
    }
    this.u8[this.pos] = FLOAT64;
    this.dv.setFloat64(this.pos + 1, value, true);
    this.pos += 9;
  }

  /** A string with its tag; room for a short one is checked by the caller. */
  string(text: string): void {
    const length = text.length;
    if (length > SHORT_LENGTH) {
      this.#longString(text);
      return;
    }
    const u8 = this.u8;
    let pos = this.pos;
    u8[pos++] = SHORT_STRING + length;
    let all = 0;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      all |= unit;
      u8[pos + i] = unit;
    }
    if (all < 256) {
      this.pos = pos + length;
      return;
    }
    const dv = this.dv;
    u8[pos - 1] = SHORT_UCS2;
    u8[pos++] = length;
    for (let i = 0; i < length; i++, pos += 2) dv.setUint16(pos, text.charCodeAt(i), true);
    this.pos = pos;
  }

  #longString(text: string): void {
    const length = text.length;
    const wide = WIDE.test(text);
    const size = wide ? length * 2 : length;
    if (size + 5 > SLACK) this.reserve(size + 5);
    const u8 = this.u8;
    const pos = this.pos + 5;
    u8[pos - 5] = wide ? UCS2 : LATIN1;
    this.dv.setUint32(pos - 4, length, true);
    if (wide) (u8 as unknown as StringBytes).ucs2Write(text, pos);
    else if (length > LOOP_LENGTH) (u8 as unknown as StringBytes).latin1Write(text, pos);
    else for (let i = 0; i < length; i++) u8[pos + i] = text.charCodeAt(i);
    this.pos = pos + size;
  }
}
