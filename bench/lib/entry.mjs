import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The file that `import 'manycore'` gives to users, as a URL: what the benchmark has to measure. */
export const entry = new URL(exports['.'].default, root).href;
