import { expected } from '../internal/describe.js';
import type { Transferable } from './options.js';

/** @throws TypeError for what is no ArrayBuffer: a MessagePort can go to one worker only, by `apply` */
export function mustBeBuffer(item: Transferable): asserts item is ArrayBuffer {
  if (item instanceof ArrayBuffer) return;
  throw new TypeError(`${expected('transfer', 'a list of ArrayBuffers', item)}; give a MessagePort to \`apply\``);
}

/**
 * Makes a buffer unusable here, as moving it does. The items of a `map` go to any worker, so what they are made of is
 * copied to where all can read it; that the caller gives it away still holds.
 */
export function detach(buffer: Transferable): void {
  mustBeBuffer(buffer);
  if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer] });
}

/** Detaches those of the listed buffers that an item is, views, or has as an element or property. */
export function detachListed(item: unknown, list: readonly Transferable[] | undefined): void {
  if (list === undefined || list.length === 0) return;
  const parts =
    typeof item === 'object' && item !== null && !ArrayBuffer.isView(item) ? [item, ...Object.values(item)] : [item];
  for (const part of parts) {
    const buffer = ArrayBuffer.isView(part) ? part.buffer : part;
    if (list.includes(buffer as Transferable)) detach(buffer as Transferable);
  }
}
