/** The machine that figures come from, in one line; `on` as the benchmark describes it. */
export function machineLine(on) {
  const parts = [on.cpu.trim(), `${on.cores} cores`, `${on.memoryGiB} GiB`, on.os, `Node ${on.node}`];
  return on.python ? [...parts, on.python].join(', ') : parts.join(', ');
}
