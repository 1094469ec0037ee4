/** Shows a value in an error message, with its type: `` `-1` (number) ``. */
export function describe(value: unknown): string {
  if (value === undefined) return '`undefined`';
  if (value === null) return '`null`';
  switch (typeof value) {
    case 'string':
      return `\`${shorten(value)}\` (string)`;
    case 'number':
      return `\`${Object.is(value, -0) ? '-0' : value}\` (number)`;
    case 'bigint':
      return `\`${value}n\` (bigint)`;
    case 'function':
      return 'a function';
    case 'object':
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
    default:
      return `\`${String(value)}\` (${typeof value})`;
  }
}

/** The one grammar of argument errors: ``Expected `chunkSize` to be an integer from 1 up, got `-1` (number)``. */
export function expected(name: string, what: string, got: unknown): string {
  return `Expected \`${name}\` to be ${what}, got ${describe(got)}`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
