// f(x) = x² over range(10) with four workers.
import { Pool, range } from 'manycore';

const pool = new Pool(4);
const squares = await pool.map((x) => x * x, range(10));
console.log(squares.join(' '));
await pool.terminate();
