import { Message, type Wire } from './inline-wire.js';
import type { Transferable } from './options.js';
import type { Items } from './range-input.js';
import { isNumberArray, isShared } from './typed.js';

/** The arguments of a call's tasks, packed when the call was made: what the caller changes later changes nothing. */
export interface InlineInputs {
  /** How many tasks there are. */
  readonly count: number;
  /** Whether the caller lost something to them: then no task can run twice. */
  readonly moved: boolean;
  /** Fresh arguments for task `index`. */
  args(index: number): readonly unknown[];
}

/** The arguments of one task; `label` names them in errors. */
export function inputOf(
  wire: Wire,
  args: readonly unknown[],
  label: string,
  transfer?: readonly Transferable[],
): InlineInputs {
  const message = wire.pack(args, label, transfer);
  return { count: 1, moved: message.moved, args: () => wire.unpack(message) };
}

/** One task for each item; `star`: each is a list of arguments. */
export function inputsOf(wire: Wire, items: Items, star: boolean): InlineInputs {
  const count = items.length;
  // Shared memory is read when the task starts, as workers do.
  if (!star && isNumberArray(items) && isShared(items)) {
    return { count, moved: false, args: (index) => [items[index]] };
  }
  const packed = Array.from(items, (item, index) => wire.packOne(item, `items[${index}]`));
  const moved = packed.some((item) => item instanceof Message && item.moved);
  const item = (index: number) => wire.unpackOne(packed[index]);
  return { count, moved, args: star ? (index) => item(index) as unknown[] : (index) => [item(index)] };
}
