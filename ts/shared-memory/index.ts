export { ShareableList, type ShareableListOptions } from './shareable-list.js';
export { type AttachOptions, SharedMemory, type SharedMemoryOptions } from './shared-memory.js';
export type { Shareable } from './values.js';
