// The result of a process, and its error, come back by themselves. An argument says how it starts: 'thread' or 'spawn'.
import { Process, setStartMethod } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');

/** Runs in the processes. */
const divide = (a, b) => {
  if (b === 0) throw new RangeError(`${a} cannot be divided by zero`);
  return { quotient: Math.trunc(a / b), remainder: a % b };
};

const good = new Process({ target: divide, args: [17, 5] }).start();
console.log(await good.result, await good.exited);

const bad = new Process({ target: divide, args: [17, 0] }).start();
try {
  await bad.result;
} catch (error) {
  console.log(`${error.name}: ${error.message}`, await bad.exited);
}
