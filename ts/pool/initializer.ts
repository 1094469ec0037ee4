import { memory } from '../internal/memory.js';
import type { Core } from './core.js';

/** An initializer as workers find it: its function's number, and the block with its arguments. */
export interface PreparedInitializer {
  readonly fn: number;
  readonly block: number;
  readonly bytes: number;
}

/** Publishes a pool's initializer, if it has one, and encodes its arguments once for all workers. */
export function prepareInitializer(core: Core): PreparedInitializer | undefined {
  const { initializer, initArgs } = core.options;
  if (initializer === undefined) return undefined;
  const { encoder } = core;
  const fn = core.functions.numberOf(initializer);
  encoder.label = 'initArgs';
  try {
    encoder.encode(memory, 0, 0, initArgs, 0, initArgs.length, false);
  } finally {
    encoder.label = 'args';
  }
  return { fn, block: memory.store(encoder.scratch.u8, encoder.length, encoder.takeHandles()), bytes: encoder.length };
}
