import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SharedMemory, type SharedMemoryOptions } from 'manycore/shared-memory';
import { afterAll, expect, onTestFinished } from 'vitest';
import { type Finished, type Program, startProgram } from './helpers.js';

const made = new Set<string>();
let count = 0;

/** A name for a block that no other test has. */
export function newName(): string {
  count += 1;
  return known(`manycore-test-${process.pid}-${count}`);
}

/** Marks a name as one that must be gone when the file's tests have run. */
export function known(name: string): string {
  made.add(name);
  return name;
}

/** Whether there is a block of that name. */
export const isThere = (name: string): boolean => existsSync(`/dev/shm/${name}`);

afterAll(() => {
  expect([...made].filter(isThere), 'blocks that the tests left behind').toEqual([]);
});

/** Has a block unlinked when the test ends, if it still is there. */
export function unlinkAfterwards(shm: SharedMemory): void {
  known(shm.name);
  onTestFinished(() => {
    if (isThere(shm.name)) shm.unlink();
  });
}

/** A block that is unlinked when the test ends, if it still is there. */
export function makeBlock(options: Partial<SharedMemoryOptions> = {}): SharedMemory {
  const shm = SharedMemory.create({ size: 512, ...options });
  unlinkAfterwards(shm);
  return shm;
}

/** How often this process maps the block of that name, linked or not. */
export const mappings = (name: string): number =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/dev/shm/${name}`)).length;

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The trackers that a process has started and that still run. */
export function trackersOf(pid: number): number[] {
  const isChild = (id: string): boolean =>
    new RegExp(`^PPid:\\s${pid}$`, 'm').test(tryRead(`/proc/${id}/status`)) &&
    tryRead(`/proc/${id}/cmdline`).includes('manycore-tracker');
  return readdirSync('/proc')
    .filter((id) => /^\d+$/.test(id) && isChild(id))
    .map(Number);
}

/** Whether a process has ended with all of its threads, and so closed what it had open; it may not be waited for yet. */
export function hasEnded(pid: number): boolean {
  const status = tryRead(`/proc/${pid}/status`);
  return status === '' || (/^State:\s[ZX]/m.test(status) && /^Threads:\s1$/m.test(status));
}

/** Whether a process ignores this signal. */
export function ignores(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigIgn:\s([\da-f]+)$/m.exec(tryRead(`/proc/${pid}/status`)) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}

/** What CPython says of blocks that nobody has unlinked. */
export const leaked = (blocks: number): string =>
  `resource_tracker: There appear to be ${blocks} leaked shared_memory objects to clean up at shutdown`;

const has = (modules: string): boolean => spawnSync('python3', ['-c', `import ${modules}`]).status === 0;

/** Whether this machine has a Python with shared memory, and one with numpy. */
export const hasPython = has('multiprocessing.shared_memory');
export const hasNumpy = has('multiprocessing.shared_memory, numpy');

/** What every Python program of the tests begins with. `attach` leaves the block to others. */
const prelude = `
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory, ShareableList
name = sys.argv[1] if len(sys.argv) > 1 else None
def untrack(shm):
    resource_tracker.unregister(shm._name, 'shared_memory')
def attach():
    shm = SharedMemory(name)
    untrack(shm)
    return shm
def attach_list():
    values = ShareableList(name=name)
    untrack(values.shm)
    return values
def say(text):
    print(text, flush=True)
`;

/** Starts a Python program. */
export const startPython = (code: string, ...args: string[]): Program =>
  startProgram('python3', ['-c', prelude + code, ...args], process.env);

/** Runs a Python program, which must succeed and be silent on stderr, to its end; what it printed. */
export async function python(code: string, ...args: string[]): Promise<string> {
  return succeeded(await startPython(code, ...args).finished);
}

/** What a program printed that succeeded and was silent on stderr. */
export function succeeded({ code, stdout, stderr }: Finished): string {
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout.trimEnd();
}
