import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fixture, type Program, runScript, sleep, startScript, until } from '../helpers.js';
import { hasEnded, ignores, isThere, known, leaked, newName, succeeded, trackersOf } from '../named.js';

/** A script that does what it is told. */
class Blocks {
  readonly program: Program;
  #lines = 0;

  constructor(env: NodeJS.ProcessEnv = {}) {
    this.program = startScript('named-blocks.mjs', [], env);
  }

  async tell(line: string): Promise<void> {
    this.program.write(`${line}\n`);
    this.#lines += 1;
    await this.program.printed(`done ${this.#lines}\n`);
  }

  /** Has a new block made; its name. */
  async create(how = ''): Promise<string> {
    const name = newName();
    await this.tell(`${how}create ${name}`);
    expect(isThere(name)).toBe(true);
    return name;
  }

  /** The only tracker, deaf to signals. A process that has just been started has no command line for a moment. */
  async tracker(): Promise<number> {
    await until(() => trackersOf(this.program.pid).length > 0);
    const [tracker = 0, ...others] = trackersOf(this.program.pid);
    expect(others).toEqual([]);
    await until(() => ignores(tracker, constants.signals.SIGTERM));
    return tracker;
  }

  /** Kills the script; what its tracker said then. */
  async killed(): Promise<string> {
    this.program.signal('SIGKILL');
    const { signal, stderr } = await this.program.finished;
    expect(signal).toBe('SIGKILL');
    return stderr;
  }
}

describe('after the end of the process', () => {
  test('a block that is unlinked leaves no word', async () => {
    const blocks = new Blocks();
    const name = await blocks.create();
    await blocks.tell(`unlink ${name}`);
    blocks.program.write('exit\n');
    succeeded(await blocks.program.finished);
  });

  test('a block that is left is removed, and the user told', async () => {
    const blocks = new Blocks();
    const name = await blocks.create();
    blocks.program.write('exit\n');
    const { code, stderr } = await blocks.program.finished;
    expect(code).toBe(0);
    expect(stderr).toBe(`manycore: ${leaked(1)}: ${name}\n`);
    expect(isThere(name)).toBe(false);
  });

  test('a SIGKILL right after create, before the tracker has started: nothing is left', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { signal, stdout, stderr } = await runScript('named-killed.mjs');
      expect(signal).toBe('SIGKILL');
      expect(isThere(known(stdout))).toBe(false);
      expect(stderr).toContain(leaked(1));
    }
  });

  test('what another has unlinked is nothing to speak of, and a block of the same name is left alone', async () => {
    const [own, other] = [new Blocks(), new Blocks()];
    const [gone, again] = [await own.create(), await own.create()];
    await other.tell(`unlink ${gone}`);
    await other.tell(`unlink ${again}`);
    await other.tell(`create ${again}`);
    expect(await own.killed()).toBe('');
    expect(isThere(again)).toBe(true);
    await other.tell(`unlink ${again}`);
    expect(await other.killed()).toBe('');
  });

  test('a block that a child process has made outlives the child, and not the process', async () => {
    const blocks = new Blocks();
    const name = newName();
    await blocks.tell(`child ${name}`);
    expect(isThere(name)).toBe(true);
    await blocks.tell(`attach ${name}`);
    expect(await blocks.killed()).toBe(`manycore: ${leaked(1)}: ${name}\n`);
    await until(() => !isThere(name));
  });

  test('a name that was refused is not removed', async () => {
    const [own, other] = [new Blocks(), new Blocks()];
    const name = await own.create();
    other.program.write(`create ${name}\n`);
    const { code, stderr } = await other.program.finished;
    expect(code).toBe(1);
    expect(stderr).toContain('EEXIST');
    expect(stderr).not.toContain('leaked');
    expect(isThere(name)).toBe(true);
    expect(await own.killed()).toContain(name);
  });
});

describe('the tracker', () => {
  test('it starts with the first block that needs it, and there is one for all threads', async () => {
    const [own, lender] = [new Blocks(), new Blocks()];
    const lent = await lender.create();
    await own.tell(`borrow ${lent}`);
    expect(trackersOf(own.program.pid)).toEqual([]);
    const names = [await own.create('worker '), await own.create(), await own.create('worker ')];
    await own.tracker();
    const stderr = await own.killed();
    expect(stderr).toContain(leaked(3));
    for (const name of names) expect(isThere(name)).toBe(false);
    expect(isThere(lent)).toBe(true);
    await lender.killed();
  });

  test('a worker unlinks what the main thread has made', async () => {
    const blocks = new Blocks();
    const name = await blocks.create();
    await blocks.tell(`worker unlink ${name}`);
    expect(await blocks.killed()).toBe('');
  });

  test('Ctrl+C and polite signals do not end it', async () => {
    const blocks = new Blocks();
    const name = await blocks.create();
    const tracker = await blocks.tracker();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(tracker, signal);
    await sleep(50);
    expect(trackersOf(blocks.program.pid)).toEqual([tracker]);
    expect(await blocks.killed()).toContain(name);
    expect(isThere(name)).toBe(false);
  });

  test('one that is killed is replaced, and the next knows every block', async () => {
    const blocks = new Blocks();
    const names = [await blocks.create()];
    const first = await blocks.tracker();
    process.kill(first, 'SIGKILL');
    await until(() => hasEnded(first));
    names.push(await blocks.create());
    await blocks.tracker();
    expect(await blocks.killed()).toContain(leaked(2));
    for (const name of names) expect(isThere(name)).toBe(false);
  });

  test('it does not run what Node is told to run in the process', async () => {
    const preload = fileURLToPath(fixture('says-hello.cjs'));
    const blocks = new Blocks({ NODE_OPTIONS: `--require ${preload}` });
    await blocks.create();
    await blocks.tracker();
    expect((await blocks.killed()).match(/hello/g)).toEqual(['hello']);
  });
});
