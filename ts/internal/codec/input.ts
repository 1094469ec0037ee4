import { SerializationError } from '../errors.js';
import { allocate, type Bytes, type StringBytes } from './bytes.js';

const NOTHING = allocate(0);
const fromCharCode = String.fromCharCode;

/** Short texts that were read last: in a slot picked by a hash the text, and its units and length as four words. */
const TEXT_BITS = 11;
const WORDS = 4;
const words = new Int32Array(WORDS << TEXT_BITS);
const texts: string[] = new Array(1 << TEXT_BITS).fill('');

const lowBytes = (n: number): number => (1 << (n * 8)) - 1;

/** @throws SerializationError always */
export function malformed(what: string): never {
  throw new SerializationError(`Malformed message: ${what}`);
}

/** Where a message is read from. Nothing outside `[pos, end)` is ever touched, whatever the bytes are. */
export class Input {
  u8: Buffer = NOTHING.u8;
  dv: DataView = NOTHING.dv;
  pos = 0;
  end = 0;
  /** Whether it is worth while to look for short texts among those that were read before. */
  repetitive = false;

  protected open(source: Bytes, pos: number, end: number): void {
    if (pos < 0 || pos > end || end > source.u8.length) malformed('it lies outside its memory');
    this.u8 = source.u8;
    this.dv = source.dv;
    this.pos = pos;
    this.end = end;
  }

  protected release(): void {
    this.repetitive = false;
    this.u8 = NOTHING.u8;
    this.dv = NOTHING.dv;
  }

  /** Steps over `size` bytes. @returns where they begin */
  take(size: number): number {
    const pos = this.pos;
    if (size > this.end - pos) malformed('it ends too early');
    this.pos = pos + size;
    return pos;
  }

  byte(): number {
    return this.u8[this.take(1)];
  }

  uint16(): number {
    return this.dv.getUint16(this.take(2), true);
  }

  uint32(): number {
    return this.dv.getUint32(this.take(4), true);
  }

  float64(): number {
    return this.dv.getFloat64(this.take(8), true);
  }

  /** A length or position: an integer that JavaScript can count to. */
  size(): number {
    const value = this.float64();
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER && Math.floor(value) === value))
      malformed('a size is not one');
    return value;
  }

  latin1(length: number): string {
    const pos = this.take(length);
    return (this.u8 as unknown as StringBytes).latin1Slice(pos, pos + length);
  }

  ucs2(length: number): string {
    const pos = this.take(length * 2);
    return (this.u8 as unknown as StringBytes).ucs2Slice(pos, pos + length * 2);
  }

  shortUcs2(length: number): string {
    if (length > 15) return malformed('a short string is long');
    const pos = this.take(length * 2);
    const units: number[] = [];
    for (let i = 0; i < length; i++) units.push(this.dv.getUint16(pos + i * 2, true));
    return fromCharCode.apply(null, units);
  }

  /**
   * A Latin-1 string of up to 15 units. Where short texts come again and again, the words of one that was read before
   * give the same string once more, which makes no work for the garbage collector.
   */
  shortLatin1(n: number): string {
    const p = this.pos;
    if (!this.repetitive || n < 2 || this.end - p < WORDS * 4) return this.#newLatin1(n);
    const { dv } = this;
    let a = dv.getInt32(p, true);
    let b = 0;
    let c = 0;
    let d = n << 24;
    if (n < 4) {
      a &= lowBytes(n);
    } else {
      b = dv.getInt32(p + 4, true);
      if (n < 8) {
        b &= lowBytes(n - 4);
      } else {
        c = dv.getInt32(p + 8, true);
        if (n < 12) c &= lowBytes(n - 8);
        else d |= dv.getInt32(p + 12, true) & lowBytes(n - 12);
      }
    }
    const hash =
      Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0x9e3779b1) ^ Math.imul(c ^ Math.imul(d, 0x27d4eb2f), 0xc2b2ae35);
    const slot = hash >>> (32 - TEXT_BITS);
    const at = slot * WORDS;
    if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) {
      this.pos = p + n;
      return texts[slot];
    }
    const text = this.#newLatin1(n);
    words[at] = a;
    words[at + 1] = b;
    words[at + 2] = c;
    words[at + 3] = d;
    texts[slot] = text;
    return text;
  }

  /** Built by the engine's own code: a native call would cost more. */
  #newLatin1(n: number): string {
    const p = this.pos;
    if (n > this.end - p) malformed('it ends too early');
    this.pos = p + n;
    const b = this.u8 as { readonly [i: number]: number };
    // biome-ignore format: one case per line
    switch (n) {
      case 0: return '';
      case 1: return fromCharCode(b[p]);
      case 2: return fromCharCode(b[p], b[p + 1]);
      case 3: return fromCharCode(b[p], b[p + 1], b[p + 2]);
      case 4: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3]);
      case 5: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4]);
      case 6: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5]);
      case 7: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6]);
      case 8: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7]);
      case 9: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8]);
      case 10: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9]);
      case 11: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10]);
      case 12: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11]);
      case 13: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12]);
      case 14: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12], b[p + 13]);
      default: return fromCharCode(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12], b[p + 13], b[p + 14]);
    }
  }
}
