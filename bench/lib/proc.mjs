// What only the operating system knows. On Linux from /proc; elsewhere the nearest that Node itself gives.

import { readFileSync, writeFileSync } from 'node:fs';

const linux = process.platform === 'linux';

/** CPU time of this process's main thread, in microseconds, or null where it cannot be known. */
export function mainThreadCpu() {
  if (process.threadCpuUsage !== undefined) {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  }
  if (!linux) return null;
  const nanoseconds = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ', 1)[0];
  return Number(nanoseconds) / 1000;
}

/** CPU time of all threads of this process, in microseconds. */
export function processCpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Resident memory of this process, in bytes. */
export function resident() {
  return process.memoryUsage.rss();
}

/** Forgets the peak of resident memory, so that `peakResident` starts from now. */
export function resetPeak() {
  if (linux) writeFileSync('/proc/self/clear_refs', '5');
}

/** The peak of resident memory since `resetPeak`, in bytes; where there is none, what is resident now. */
export function peakResident() {
  if (!linux) return resident();
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
}

/** What all processors of the machine have done since it started, `{ busy, total }` in ticks; null elsewhere. */
export function machineCpu() {
  if (!linux) return null;
  const ticks = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0].trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: total - ticks[3] - ticks[4], total };
}
