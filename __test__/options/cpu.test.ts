import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cpuCount, cpuQuota } from '../../ts/internal/cpu.js';

/** The CPUs that this process may run on, as the system says. */
function allowedCpus(): number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return list.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

const roots: string[] = [];

/** A file system with these files. */
function root(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cpu-test-'));
  roots.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

afterEach(() => {
  for (const folder of roots.splice(0)) rmSync(folder, { recursive: true });
});

describe('cpuQuota', () => {
  it('is without limit where there are no cgroups', () => {
    expect(cpuQuota(root({}))).toBe(Number.POSITIVE_INFINITY);
    expect(cpuQuota(root({ 'proc/self/cgroup': 'nonsense\n' }))).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['150000 100000\n', 1.5],
    ['400000 100000\n', 4],
    ['max 100000\n', Number.POSITIVE_INFINITY],
    ['nonsense\n', Number.POSITIVE_INFINITY],
    ['', Number.POSITIVE_INFINITY],
  ])('reads cgroup v2: %j', (text, cpus) => {
    const files = { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': text };
    expect(cpuQuota(root(files))).toBe(cpus);
  });

  it('takes the least of all groups above, by v2', () => {
    const files = {
      'proc/self/cgroup': '0::/a.slice/b:c.scope\n',
      'sys/fs/cgroup/a.slice/b:c.scope/cpu.max': '800000 100000',
      'sys/fs/cgroup/a.slice/cpu.max': '250000 100000',
    };
    expect(cpuQuota(root(files))).toBe(2.5);
  });

  it('finds the group of a container whose path is the host’s', () => {
    const files = { 'proc/self/cgroup': '0::/docker/123\n', 'sys/fs/cgroup/cpu.max': '50000 100000' };
    expect(cpuQuota(root(files))).toBe(0.5);
  });

  it('reads cgroup v1', () => {
    const files = {
      'proc/self/cgroup': '5:memory:/x\n4:cpu,cpuacct:/docker/123\n1:name=systemd:/\n',
      'sys/fs/cgroup/cpu/docker/123/cpu.cfs_quota_us': '300000\n',
      'sys/fs/cgroup/cpu/docker/123/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    expect(cpuQuota(root(files))).toBe(3);
  });
});

describe('cpuQuota, where the groups are mounted elsewhere', () => {
  const mount = (group: string, at: string, type: string, options = 'rw') =>
    `31 23 0:27 ${group} ${at} rw,nosuid - ${type} cgroup ${options}\n`;

  it('finds v1 controllers that share a place, and v2 beside them', () => {
    const files = {
      'proc/self/cgroup': '3:cpu,cpuacct:/a/b\n0::/a/b\n',
      'proc/self/mountinfo':
        mount('/', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory') +
        mount('/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct') +
        mount('/', '/sys/fs/cgroup/unified', 'cgroup2'),
      'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '250000',
      'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000',
      'sys/fs/cgroup/unified/a/b/cpu.max': '700000 100000',
    };
    expect(cpuQuota(root(files))).toBe(2.5);
    expect(cpuQuota(root({ ...files, 'sys/fs/cgroup/unified/a/cpu.max': '150000 100000' }))).toBe(1.5);
  });

  it('finds a group below the one that a container sees as the root', () => {
    const files = {
      'proc/self/cgroup': '0::/docker/123/job/step\n',
      'proc/self/mountinfo': mount('/docker/123', '/groups\\040here', 'cgroup2'),
      'groups here/job/cpu.max': '300000 100000',
      'groups here/cpu.max': 'max 100000',
    };
    expect(cpuQuota(root(files))).toBe(3);
  });

  it('takes the usual places where the mounts are not told', () => {
    const files = { 'proc/self/mountinfo': 'nonsense\n', 'sys/fs/cgroup/cpu.max': '200000 100000' };
    expect(cpuQuota(root(files))).toBe(2);
  });
});

describe('cpuCount', () => {
  it('is a whole number from 1 to what the system has', () => {
    expect(Number.isInteger(cpuCount())).toBe(true);
    expect(cpuCount()).toBeGreaterThanOrEqual(1);
    expect(cpuCount()).toBeLessThanOrEqual(availableParallelism());
    const quota = Math.max(1, Math.ceil(cpuQuota()));
    if (process.platform === 'linux') expect(cpuCount()).toBe(Math.min(availableParallelism(), quota));
  });

  const [first] = allowedCpus();
  const taskset = spawnSync('taskset', ['--version']).error === undefined;

  // `taskset` is part of util-linux.
  it.skipIf(!taskset)('is the number of CPUs that the process is pinned to', () => {
    const count = (cpus: string): number => {
      const program = "import('manycore').then(({ cpuCount }) => console.log(cpuCount()))";
      const args = ['-c', cpus, process.execPath, '--input-type=module', '-e', program];
      return Number(execFileSync('taskset', args, { encoding: 'utf8' }));
    };
    expect(count(String(first))).toBe(1);
    expect(count(allowedCpus().join(','))).toBe(cpuCount());
  });
});
