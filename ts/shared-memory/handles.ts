import { ShareableList } from './shareable-list.js';
import { SharedMemory } from './shared-memory.js';

/** A block as plain data that can be sent anywhere on the same machine. */
export interface SharedMemoryDescription {
  readonly name: string;
}

/** What a {@link SharedMemory} is sent as; `undefined` for any other value. */
export function describeSharedMemory(value: unknown): SharedMemoryDescription | undefined {
  return value instanceof SharedMemory ? { name: value.name } : undefined;
}

/**
 * The same block where the data arrives. It is not tracked: who sent it answers for it.
 *
 * @throws an Error with `code` `ENOENT` if the block was unlinked meanwhile.
 */
export function reviveSharedMemory({ name }: SharedMemoryDescription): SharedMemory {
  return SharedMemory.attach(name, { track: false });
}

/** What a {@link ShareableList} is sent as, however long it is; `undefined` for any other value. */
export function describeShareableList(value: unknown): SharedMemoryDescription | undefined {
  return value instanceof ShareableList ? describeSharedMemory(value.shm) : undefined;
}

/**
 * The same list where the data arrives. Its block is not tracked: who sent it answers for it.
 *
 * @throws an Error with `code` `ENOENT` if the block was unlinked meanwhile.
 */
export function reviveShareableList({ name }: SharedMemoryDescription): ShareableList {
  return ShareableList.attach(name, { track: false });
}
