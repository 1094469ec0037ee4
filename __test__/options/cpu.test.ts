import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cpuCount, cpuQuota } from '../../ts/internal/cpu.js';

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

describe('cpuCount', () => {
  it('is a whole number from 1 to what the system has', () => {
    expect(Number.isInteger(cpuCount())).toBe(true);
    expect(cpuCount()).toBeGreaterThanOrEqual(1);
    expect(cpuCount()).toBeLessThanOrEqual(availableParallelism());
    const quota = Math.max(1, Math.ceil(cpuQuota()));
    if (process.platform === 'linux') expect(cpuCount()).toBe(Math.min(availableParallelism(), quota));
  });
});
