import { loadNative } from './load-native.js';
import { attach } from './runtime.js';
import { lookAround } from './waiting.js';

let context = 0;

/** Makes shared objects usable in this isolate: loads the addon and attaches, once. Answers the isolate's own number. */
export function ready(): number {
  if (context === 0) {
    loadNative();
    context = attach(lookAround);
  }
  return context;
}
