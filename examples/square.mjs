// f(x) = x² over range(10) with four workers.
import { Pool, range } from 'manycore';

const pool = new Pool(4);
console.log(await pool.map((x) => x * x, range(10)));
await pool.terminate();
