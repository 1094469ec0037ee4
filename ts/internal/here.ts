import { pathToFileURL } from 'node:url';

// The worker's bundle is a CommonJS file: there `import.meta.url` is empty and `__filename` is set.
const bundled = typeof __filename === 'string' && !import.meta.url;

/** The URL of the file that this code runs from. */
export const here: string = bundled ? pathToFileURL(__filename).href : import.meta.url;

/** The URL of the folder that holds the package's compiled code, with a slash at its end. */
export const packageRoot: string = new URL(bundled ? './' : '../', here).href;
