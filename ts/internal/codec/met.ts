/** Up to here a list is searched for objects met before; a Map is faster only for more of them. */
const LIST_LENGTH = 32;

/** The objects of a message's root that were written so far, by number: one that is met again is written as a reference. */
export class Met {
  readonly #list: unknown[] = new Array(LIST_LENGTH).fill(undefined);
  /** How many of the list's places hold an object of this message, of this root or of one before. */
  #used = 0;
  #count = 0;
  #map: Map<unknown, number> | null = null;

  /** How many objects there are. */
  get count(): number {
    return this.#count;
  }

  /** The number of an object that was met before; -1 if it was not: it is from here on. */
  number(object: object): number {
    const count = this.#count;
    if (count < LIST_LENGTH) {
      const list = this.#list;
      for (let i = 0; i < count; i++) if (list[i] === object) return i;
      list[count] = object;
    } else {
      const map = this.#map ?? this.#makeMap();
      const number = map.get(object);
      if (number !== undefined) return number;
      map.set(object, count);
    }
    this.#count = count + 1;
    return -1;
  }

  /** What comes next is a root of its own. */
  forget(): void {
    this.#noteUse();
    this.#count = 0;
    this.#map = null;
  }

  /** Goes back to the first `count` objects. */
  rollBack(count: number): void {
    if (count < LIST_LENGTH) {
      this.#map = null;
    } else if (this.#map !== null) {
      for (const [object, number] of this.#map) if (number >= count) this.#map.delete(object);
    }
    this.#noteUse();
    this.#count = count;
  }

  /** Keeps no object alive. */
  clear(): void {
    this.#noteUse();
    const list = this.#list;
    for (let i = 0; i < this.#used; i++) list[i] = undefined;
    this.#used = 0;
    this.#count = 0;
    this.#map = null;
  }

  #noteUse(): void {
    if (this.#count > this.#used) this.#used = Math.min(this.#count, LIST_LENGTH);
  }

  #makeMap(): Map<unknown, number> {
    const map = new Map<unknown, number>();
    for (let i = 0; i < LIST_LENGTH; i++) map.set(this.#list[i], i);
    this.#map = map;
    return map;
  }
}
