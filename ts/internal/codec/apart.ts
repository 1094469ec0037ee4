/** The codec as a bundle of its own: see `late.ts`. */

export { useNative } from '../native.js';
export { Decoder, Encoder } from './index.js';
