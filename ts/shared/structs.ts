import { describe, expected } from '../internal/describe.js';
import { memory } from '../internal/memory.js';
import { isObject } from '../internal/options/checks.js';
import { Cell, cellAt } from './cells.js';
import { type ElementType, typeOf } from './types.js';

interface Field {
  readonly name: string;
  readonly type: ElementType;
  readonly offset: number;
}

/** Where the fields of a struct lie: as a C compiler lays them out. */
export interface Struct {
  readonly fields: readonly Field[];
  /** Bytes of the data. */
  readonly bytes: number;
  /** What describes it to others: names and types, as JSON. */
  readonly text: string;
}

const structs = new Map<string, Struct>();

/**
 * The struct of this description, such as `{ x: 'd', y: 'i' }`. `isTaken` says which names a field cannot have.
 * @throws TypeError for a field with a bad name or type
 */
export function structOf(given: object, isTaken: (name: string) => boolean): Struct {
  const entries = Object.entries(given).map(([name, code]): [string, string] => {
    if (isTaken(name)) throw new TypeError(`A field of a struct cannot be named \`${name}\`: every Value has that`);
    return [name, typeOf(code, `typecode.${name}`).name];
  });
  if (entries.length === 0) throw new TypeError(expected('typecode', 'a struct with at least one field', given));
  return described(JSON.stringify(entries));
}

function described(text: string): Struct {
  let struct = structs.get(text);
  if (struct === undefined) {
    struct = lay(text);
    structs.set(text, struct);
  }
  return struct;
}

function lay(text: string): Struct {
  let end = 0;
  let alignment = 1;
  const fields = (JSON.parse(text) as [string, string][]).map(([name, code]): Field => {
    const type = typeOf(code, name);
    const offset = align(end, type.bytes);
    end = offset + type.bytes;
    alignment = Math.max(alignment, type.bytes);
    return { name, type, offset };
  });
  return { fields, bytes: align(end, alignment), text };
}

const align = (offset: number, to: number): number => Math.ceil(offset / to) * to;

/** Bytes of a struct's data and, behind it, of its description: how long that is (`u32`), and the JSON. */
export const bytesWithText = (struct: Struct): number => align(struct.bytes, 4) + 4 + Buffer.byteLength(struct.text);

/** Writes the description behind the data that begins at `offset`. */
export function writeText(struct: Struct, offset: number): void {
  const at = offset + align(struct.bytes, 4);
  memory.u32[at / 4] = memory.u8.write(struct.text, at + 4);
}

/** The struct whose data, of so many bytes, begins at `offset`. */
export function readText(offset: number, bytes: number): Struct {
  const at = offset + align(bytes, 4);
  memory.ensure(at + 4);
  const from = at + 4;
  const to = from + memory.u32[at / 4];
  memory.ensure(to);
  return described(Buffer.from(memory.u8.subarray(from, to)).toString());
}

/** All of a struct: reads and writes one field after the other. */
export class StructCell extends Cell {
  readonly typeName = 'struct';
  readonly cells: readonly Cell[];
  readonly #struct: Struct;

  constructor(struct: Struct, offset: number) {
    super();
    this.#struct = struct;
    this.cells = struct.fields.map((field) => cellAt(field.type, offset + field.offset));
  }

  /** A copy of the fields. */
  get(): Record<string, unknown> {
    return Object.fromEntries(this.#struct.fields.map(({ name }, i) => [name, this.cells[i].get()]));
  }

  /** Sets the fields that `value` has. */
  set(value: unknown, name: string): void {
    if (!isObject(value)) throw new TypeError(expected(name, 'an object with fields of the struct', value));
    for (const [field, content] of Object.entries(value)) {
      const i = this.#struct.fields.findIndex((it) => it.name === field);
      if (i < 0) throw new TypeError(`The struct has no field \`${field}\`, given as ${describe(content)}`);
      this.cells[i].set(content, `${name}.${field}`);
    }
  }
}
