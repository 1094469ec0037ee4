// A process with arguments: started, joined, and what is known of it. An argument says how it starts: 'thread' or 'spawn'.
import { Process, setStartMethod } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');

/** Runs in the process. */
const greet = async (name, punctuation) => {
  const { currentProcess, parentProcess } = await import('manycore');
  console.log(`hello ${name}${punctuation} from ${currentProcess().name}, child of ${parentProcess().name}`);
};

const child = new Process({ target: greet, args: ['bob', '!'] });
console.log(`before: alive ${child.isAlive()}, exit code ${child.exitCode}`);
child.start();
console.log(`started: alive ${child.isAlive()}`);
await child.join();
console.log(`after: alive ${child.isAlive()}, exit code ${child.exitCode}`);
