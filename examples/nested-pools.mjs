// Pools within a pool, which Python refuses: its workers are daemons, and daemons may have no children there.
// An argument says how workers start: 'thread' or 'spawn'.
import { Pool, setStartMethod } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');

/** Runs in the workers of the outer pool. */
const sumOfSquares = async (from) => {
  const { Pool, range } = await import('manycore');
  const pool = new Pool(2);
  const squares = await pool.map((n) => n * n, range(from, from + 10));
  await pool.terminate();
  return squares.reduce((a, b) => a + b);
};

const pool = new Pool(2);
const sums = await pool.map(sumOfSquares, [0, 10, 20, 30]);
console.log(`${sums.join(' + ')} = ${sums.reduce((a, b) => a + b)}`);
await pool.terminate();
