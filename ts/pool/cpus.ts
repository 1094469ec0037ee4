import { expected } from '../internal/describe.js';
import { native } from '../internal/native.js';

/** Checks that the process may use these CPUs. @throws RangeError for one that is not there, or not allowed */
export function mustBeAllowed(cpus: readonly number[]): void {
  const allowed = native.allowedCpus();
  for (const [i, cpu] of cpus.entries()) {
    if (allowed.includes(cpu)) continue;
    const what = `a CPU that this process may use (${allowed.join(', ')})`;
    throw new RangeError(expected(`cpus[${i}]`, what, cpu));
  }
}

/** The place in the list of CPUs that the fewest workers have, the first of them. `taken`: the places that they have. */
export function nextPlace(cpus: readonly number[], taken: Iterable<number | undefined>): number {
  const workers = new Array<number>(cpus.length).fill(0);
  for (const place of taken) if (place !== undefined) workers[place]++;
  return workers.indexOf(Math.min(...workers));
}
