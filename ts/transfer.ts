import { transferables } from './internal/options/transferables.js';
import type { Transferable } from './pool/options.js';

const TRANSFER = Symbol.for('manycore.transfer');

/** A result with what is to be moved instead of being copied. */
export interface Transfer<T> {
  readonly value: T;
  readonly list: readonly Transferable[];
}

/**
 * Marks a task's result: the buffers in `list` are moved to the caller instead of being copied.
 *
 * Beyond Python, which has no counterpart.
 *
 * @param value - what the task returns
 * @param list - ArrayBuffers or MessagePorts within `value`; unusable in the worker afterwards
 * @throws TypeError for a list of anything else
 * @example
 * async function read(path: string) {
 *   const bytes = new Uint8Array(await readFile(path));
 *   return transfer(bytes, [bytes.buffer]);
 * }
 */
export function transfer<T>(value: T, list: readonly Transferable[]): T {
  transferables(list, 'list');
  return { [TRANSFER]: true, value, list } as unknown as T;
}

/** The mark that {@link transfer} made, if `result` is one. */
export function asTransfer(result: unknown): Transfer<unknown> | undefined {
  const marked = typeof result === 'object' && result !== null && TRANSFER in result;
  return marked ? (result as unknown as Transfer<unknown>) : undefined;
}
