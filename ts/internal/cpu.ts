import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/**
 * How many CPUs this process may use: those it is pinned to, or what the quota of its container (cgroup) amounts to,
 * rounded up, if that is less. At least 1.
 *
 * Python: `os.process_cpu_count()`, `multiprocessing.cpu_count()`.
 */
export function cpuCount(): number {
  const quota = process.platform === 'linux' ? cpuQuota() : Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(quota)));
}

/**
 * The CPUs that the cgroup's quota amounts to, such as 1.5; Infinity without one. A quota of any group above counts.
 * `root` is the root of the file system.
 */
export function cpuQuota(root = '/'): number {
  let quota = Number.POSITIVE_INFINITY;
  const groups = (read(root, 'proc/self/cgroup') ?? '0::/').split('\n');
  for (const line of groups) {
    // `0::/a/b` is the unified hierarchy (v2), `4:cpu,cpuacct:/a/b` one of v1.
    const [id, controllers, ...path] = line.split(':');
    const unified = id === '0' && controllers === '';
    if (!unified && !controllers?.split(',').includes('cpu')) continue;
    const mount = unified ? 'sys/fs/cgroup' : 'sys/fs/cgroup/cpu';
    // Inside of a container the path may be the host's: folders that are not there have no quota.
    for (let group = posix.join('/', path.join(':')); ; group = posix.dirname(group)) {
      const folder = posix.join(mount, group);
      quota = Math.min(quota, unified ? quotaV2(root, folder) : quotaV1(root, folder));
      if (group === '/') break;
    }
  }
  return quota;
}

/** `max 100000`, or `150000 100000`: the time per period, both in microseconds. */
function quotaV2(root: string, folder: string): number {
  const [time, period] = (read(root, `${folder}/cpu.max`) ?? '').split(/\s+/);
  return ratio(time, period);
}

function quotaV1(root: string, folder: string): number {
  return ratio(read(root, `${folder}/cpu.cfs_quota_us`), read(root, `${folder}/cpu.cfs_period_us`));
}

function ratio(time: string | undefined, period: string | undefined): number {
  const cpus = Number(time) / Number(period);
  // `max` is NaN, and -1 means no limit.
  return cpus > 0 ? cpus : Number.POSITIVE_INFINITY;
}

function read(root: string, path: string): string | undefined {
  try {
    return readFileSync(posix.join(root, path), 'utf8').trim();
  } catch {
    return undefined;
  }
}
