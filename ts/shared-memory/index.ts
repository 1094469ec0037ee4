export { ShareableList, SharedMemory } from '../shared.js';
export type { ShareableListOptions } from './shareable-list.js';
export type { AttachOptions, SharedMemoryOptions } from './shared-memory.js';
export type { Shareable } from './values.js';
