import { arch, availableParallelism, cpus, totalmem, type } from 'node:os';

/** The machine that figures come from, in one line. */
export function machine() {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus()[0].model.trim()}, ${availableParallelism()} cores, ${memory} GiB, ${type()} ${arch()}, Node ${process.versions.node}`;
}
