// A log file that many workers write to: a Lock keeps each entry of two lines together.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lock, Pool, range } from 'manycore';

const folder = mkdtempSync(join(tmpdir(), 'manycore-'));
const file = join(folder, 'workers.log');
const lock = new Lock();

/** Runs in the workers. */
const log = async (entry, file, lock) => {
  const { appendFile } = await import('node:fs/promises');
  await lock.withLock(async () => {
    await appendFile(file, `entry ${entry}\n`);
    await appendFile(file, `  end of ${entry}\n`);
  });
};

const pool = new Pool({ processes: 4, concurrency: 8 });
await pool.starmap(
  log,
  Array.from(range(100), (entry) => [entry, file, lock]),
);
const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
const whole = lines.filter((line, i) => i % 2 === 0 && lines[i + 1] === `  end of ${line.slice(6)}`);
console.log(`${whole.length} whole entries of ${lines.length / 2}`);
await pool.terminate();
rmSync(folder, { recursive: true });
