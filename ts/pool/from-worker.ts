import { PAYLOAD_START, payloadOf, SLOT_BYTES, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Core } from './core.js';
import type { Job } from './job.js';

/** The encoded result in a slot, or in its block. */
export function readResult(core: Core, slot: number): unknown {
  const at = slot * SLOT_WORDS;
  const block = memory.u32[at + Slot.resultBlock];
  const bytes = memory.u32[at + Slot.resultBytes];
  const from = block === 0 ? slot * SLOT_BYTES + PAYLOAD_START : payloadOf(block);
  memory.ensure(from + bytes);
  return core.decoder.decodeOne(memory, from, from + bytes);
}

/** A task reported a value: decodes it, frees its block, and tells the caller. A callback that throws ends the call. */
export function readReport(
  core: Core,
  job: Pick<Job, 'policy' | 'refuse'>,
  index: number,
  block: number,
  bytes: number,
): void {
  const from = payloadOf(block);
  memory.ensure(from + bytes);
  try {
    job.policy?.onReport?.(core.decoder.decodeOne(memory, from, from + bytes), index);
  } catch (error) {
    job.refuse(error);
  } finally {
    native.free(block);
  }
}
