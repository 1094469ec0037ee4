// Which of 50 numbers near 10⁷ are primes? The workers import this very file to find `isPrime`,
// so what only the main thread shall do stands behind `isMainThread`.
import { isMainThread } from 'node:worker_threads';
import { Pool, task } from 'manycore';

/** Tries every smaller divisor: slow on purpose, so that a prime near 10⁷ is worth some milliseconds. */
export function isPrime(n) {
  for (let divisor = 2; divisor < n; divisor++) {
    if (n % divisor === 0) return false;
  }
  return n > 1;
}

/** The 50 odd numbers before 10⁷. */
export const numbers = Array.from({ length: 50 }, (_, i) => 9_999_901 + 2 * i);

if (isMainThread && process.argv[1] === import.meta.filename) {
  const pool = new Pool();
  const answers = await pool.map(task(import.meta.url, 'isPrime'), numbers);
  const primes = numbers.filter((_, i) => answers[i]);
  console.log(`${primes.length} primes of ${numbers.length} numbers: ${primes.join(' ')}`);
  await pool.terminate();
}
