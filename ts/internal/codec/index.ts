export { viewClass } from './buffers.js';
export type { Bytes } from './bytes.js';
export { type RegisterClassOptions, registerClass } from './classes.js';
export { Decoder } from './decoder.js';
export { Encoder } from './encoder.js';
export { type Hooks, Thrown } from './hooks.js';
