import { expected } from './describe.js';
import { type Check, isObject } from './options/checks.js';

/** Where what a worker or a process prints goes: with the rest, to streams, or to a file that is named after it. */
export type Stdio<Info> = 'inherit' | 'pipe' | { readonly file: (info: Info) => string };

/** Checks an option `stdio`; `whose` is what its function is given. */
export function stdioOf(whose: string): Check {
  const what = `'inherit', 'pipe' or an object \`{ file: (${whose}) => path }\``;
  return (value, name) => {
    if (typeof value === 'string') {
      if (value !== 'inherit' && value !== 'pipe') throw new RangeError(expected(name, what, value));
      return value;
    }
    if (!isObject(value)) throw new TypeError(expected(name, what, value));
    const { file } = value as { file?: unknown };
    if (typeof file !== 'function') throw new TypeError(expected(`${name}.file`, 'a function', file));
    return { file };
  };
}

/** The path of the file that the output of `info` goes to. @throws TypeError if the function answers no path */
export function logPath<Info>(file: (info: Info) => string, info: Info): string {
  const path: unknown = file(info);
  if (typeof path !== 'string') throw new TypeError(expected('stdio.file', 'a function that returns a path', path));
  return path;
}
