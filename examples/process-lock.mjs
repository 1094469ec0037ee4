// A hundred processes add one to a Value, each under a Lock. An argument says how they start: 'thread' or 'spawn'.
import { Lock, Process, setStartMethod, Value } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');
const count = new Value('i', 0, { lock: false });
const lock = new Lock();

/** Runs in the processes. */
const addOne = (count, lock) => {
  lock.withLockSync(() => {
    count.value += 1;
  });
};

// Twenty at a time: each is a Node of its own, and takes its memory.
for (let group = 0; group < 5; group++) {
  const children = Array.from({ length: 20 }, () => new Process({ target: addOne, args: [count, lock] }).start());
  for (const child of children) await child.join();
}
console.log(`count ${count.value}`);
