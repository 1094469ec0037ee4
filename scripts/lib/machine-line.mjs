/** The machine that figures come from, in one line; `on` as the benchmark describes it. */
export function machineLine(on) {
  // The release of the system, in the middle, says little to others.
  const [system, , architecture] = on.os.split(' ');
  const os = `${system} ${architecture}`;
  const parts = [on.cpu.trim(), `${on.cores} cores`, `${on.memoryGiB} GiB`, os, `Node ${on.node}`];
  return on.python ? [...parts, on.python].join(', ') : parts.join(', ');
}
