import { types } from 'node:util';
import { expected } from '../describe.js';
import type { Check } from './checks.js';

/** A list of what is moved. Node moves more kinds of things: what cannot be one of them is refused. */
export const transferables: Check = (value, name) => {
  if (!Array.isArray(value)) throw new TypeError(expected(name, 'an array', value));
  for (const [i, item] of value.entries()) {
    const what = () => expected(`${name}[${i}]`, 'an ArrayBuffer or a MessagePort', item);
    if (typeof item !== 'object' || item === null) throw new TypeError(what());
    if (ArrayBuffer.isView(item)) throw new TypeError(`${what()}; what is moved is its \`.buffer\``);
    if (types.isSharedArrayBuffer(item)) {
      throw new TypeError(`${what()}; a SharedArrayBuffer is shared, and stays usable here`);
    }
  }
  return value;
};
