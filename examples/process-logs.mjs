// A log file for each process. An argument says how they start: 'thread' or 'spawn'.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process, setStartMethod } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');
const folder = mkdtempSync(join(tmpdir(), 'manycore-'));

/** Runs in the processes. */
const work = (task) => {
  console.log(`task ${task} begins`);
  console.error(`task ${task} ends`);
};

// A thread has the number of its program's process, and a number of its own.
const file = ({ pid, threadId }) => join(folder, `process-${pid}-${threadId}.log`);
const children = [1, 2, 3].map((task) => new Process({ target: work, args: [task], stdio: { file } }).start());
for (const child of children) await child.join();

const logs = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8').trimEnd().replace('\n', ', '));
for (const log of logs.sort()) console.log(log);
rmSync(folder, { recursive: true });
