// A matrix product, row by row, in place: three shared arrays, and nothing is copied.
// Usage: node matrix.mjs [rows and columns, 120 if not given]
import { Pool, range, Array as SharedArray } from 'manycore';

const n = Number(process.argv[2] ?? 120);
const a = new SharedArray(
  'd',
  Float64Array.from(range(n * n), (i) => i % 7),
);
const b = new SharedArray(
  'd',
  Float64Array.from(range(n * n), (i) => i % 5),
);
const product = new SharedArray('d', n * n);

/** Runs in the workers: one row of the product. */
const multiplyRow = (row, n, a, b, product) => {
  for (let column = 0; column < n; column++) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[row * n + k] * b[k * n + column];
    product[row * n + column] = sum;
  }
};

const pool = new Pool();
await pool.starmap(
  multiplyRow,
  Array.from(range(n), (row) => [row, n, a, b, product]),
);

const expected = (row, column) => Array.from(range(n)).reduce((sum, k) => sum + a[row * n + k] * b[k * n + column], 0);
const right = Array.from(range(n)).every(
  (row) => product[row * n + ((row * 31) % n)] === expected(row, (row * 31) % n),
);
console.log(
  `${n} × ${n}: ${right ? 'right' : 'wrong'}, trace ${Array.from(range(n)).reduce((sum, i) => sum + product[i * n + i], 0)}`,
);
await pool.terminate();
