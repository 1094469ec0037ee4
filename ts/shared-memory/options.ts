import { constants } from 'node:buffer';
import { expected } from '../internal/describe.js';
import { type Check, integerFrom } from '../internal/options/checks.js';

/** The longest name, in bytes, that Linux takes. */
const MAX_BYTES = 255;

/** The name of a block, with or without the leading slash of POSIX. */
export const blockName: Check = (value, name) => {
  if (typeof value !== 'string') throw new TypeError(expected(name, 'a string', value));
  const bytes = Buffer.from(value);
  const plain = value.replace(/^\/+/, '');
  const bad = plain === '' || plain === '.' || plain === '..' || /[/\0]/.test(plain) || bytes.length > MAX_BYTES;
  // A lone surrogate has no bytes of its own.
  if (bad || bytes.toString() !== value) {
    throw new RangeError(expected(name, `a name of 1 to ${MAX_BYTES} bytes without NUL and \`/\``, value));
  }
  return value;
};

/** The size of a block, in bytes. */
export const blockSize: Check = (value, name) => {
  const bytes = integerFrom(1)(value, name) as number;
  if (bytes <= constants.MAX_LENGTH) return bytes;
  throw new RangeError(expected(name, `an integer from 1 to ${constants.MAX_LENGTH}`, value));
};
