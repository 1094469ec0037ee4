// How processes start is chosen once, for all of them, or for one by its context. An argument chooses: 'thread' or 'spawn'.
import { getAllStartMethods, getContext, getStartMethod, Process, setStartMethod } from 'manycore';

console.log(`there are ${getAllStartMethods().join(' and ')}`);
setStartMethod(process.argv[2] ?? 'thread');
console.log(`processes start by '${getStartMethod()}'`);

/** Runs in the processes. */
const report = async () => {
  const { getStartMethod } = await import('manycore');
  return `started by '${getStartMethod()}'`;
};

console.log(await new Process({ target: report }).start().result);
const { Process: ThreadProcess } = getContext('thread');
console.log(await new ThreadProcess({ target: report }).start().result);
