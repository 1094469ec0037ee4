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

/** Where a hierarchy of groups is mounted, and which of its groups is at that place. */
interface Mount {
  readonly unified: boolean;
  readonly at: string;
  readonly group: string;
}

/** Where they are as a rule. */
const USUAL: readonly Mount[] = [
  { unified: true, at: '/sys/fs/cgroup', group: '/' },
  { unified: false, at: '/sys/fs/cgroup/cpu', group: '/' },
];

/**
 * The CPUs that the cgroup's quota amounts to, such as 1.5; Infinity without one. A quota of any group above counts.
 * `root` is the root of the file system.
 */
export function cpuQuota(root = '/'): number {
  let quota = Number.POSITIVE_INFINITY;
  const mounts = mountsOf(root);
  const groups = (read(root, 'proc/self/cgroup') ?? '0::/').split('\n');
  for (const line of groups) {
    // `0::/a/b` is the unified hierarchy (v2), `4:cpu,cpuacct:/a/b` one of v1.
    const [id, controllers, ...path] = line.split(':');
    const unified = id === '0' && controllers === '';
    if (!unified && !controllers?.split(',').includes('cpu')) continue;
    for (const mount of mounts) {
      if (mount.unified !== unified) continue;
      // Inside of a container the path may be the host's: folders that are not there have no quota.
      for (let group = within(mount, posix.join('/', path.join(':'))); ; group = posix.dirname(group)) {
        const folder = posix.join(mount.at, group);
        quota = Math.min(quota, unified ? quotaV2(root, folder) : quotaV1(root, folder));
        if (group === '/') break;
      }
    }
  }
  return quota;
}

/** The mounted hierarchies in which CPUs are limited. */
function mountsOf(root: string): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of read(root, 'proc/self/mountinfo')?.split('\n') ?? []) {
    // `31 23 0:27 /group /place options - cgroup2 source options`
    const [fields, tail] = line.split(' - ', 2);
    const [, , , group, at] = fields?.split(' ') ?? [];
    const [type, , options] = tail?.split(' ') ?? [];
    if (group === undefined || at === undefined) continue;
    const limits = type === 'cgroup' && options?.split(',').includes('cpu');
    if (type === 'cgroup2' || limits) mounts.push({ unified: type === 'cgroup2', at: unescaped(at), group });
  }
  return mounts.length > 0 ? mounts : USUAL;
}

/** Blanks and the like are `\040` in the list of mounts. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** A group's place below its mount: where a container sees its own part of the host's groups only, that part is left out. */
function within(mount: Mount, group: string): string {
  if (mount.group === '/' || (group !== mount.group && !group.startsWith(`${mount.group}/`))) return group;
  return group.slice(mount.group.length) || '/';
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
