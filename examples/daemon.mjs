// A daemon works beside the program and ends with it; a process that is no daemon is waited for.
// An argument says how they start: 'thread' or 'spawn'.
import { Process, setStartMethod, Value } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');
const beats = new Value('i', 0);

/** Runs in the daemon, for ever. */
const beat = (beats) => {
  setInterval(() => beats.add(1), 5);
};

/** Runs in the other one. */
const work = (beats) => {
  const timer = setInterval(() => {
    if (beats.value < 3) return;
    clearInterval(timer);
    console.log('worked while the daemon beat');
  }, 5);
};

new Process({ target: beat, args: [beats], daemon: true }).start();
new Process({ target: work, args: [beats] }).start();
process.on('exit', () => console.log('the end, also of the daemon'));
