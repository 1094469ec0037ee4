import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Program, runScript, startScript, until } from '../helpers.js';
import { methods } from './helpers.js';

describe.each(methods)("by '%s'", (method) => {
  const inThread = method === 'thread';
  const run = (program: string): ReturnType<typeof runScript> => runScript('process.mjs', [program, method]);

  describe('the end of the main script', () => {
    test.each([
      ['keeps', 0, 'late\n'],
      ['daemon', 0, ''],
      ['daemon-joined', 0, '5 0\n0\n'],
      ['nested', 0, 'grandchild\njoined 0\n'],
      ['exits', 3, ''],
    ])('%s', async (program, code, stdout) => {
      expect(await run(program)).toEqual({ code, signal: null, stdout, stderr: '' });
    });
  });

  describe('what is printed of an end', () => {
    test('an error that nobody reads: once, with the name, the line and the stack', async () => {
      const { code, stdout, stderr } = await run('throws');
      expect(stdout).toBe('1\n');
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /^Process bad:\nfile:.*process\.mjs:\d+\n.*throw new RangeError.*MARKER\n +\^\n\nRangeError:/,
      );
      expect(stderr.match(/RangeError: nobody reads this/g)).toHaveLength(1);
      expect(stderr).not.toContain('shared.cjs');
      expect(stderr).toMatch(/ at .*process\.mjs:\d+:\d+/);
    });

    test('an error that somebody waits for: nothing', async () => {
      expect(await run('throws-read')).toMatchObject({ code: 0, stdout: 'somebody reads this\n', stderr: '' });
    });

    test('errors in timers and unhandled rejections, with code 1; the result that was there stays', async () => {
      const { stdout, stderr } = await run('throws-later');
      expect(stdout).toBe('1 1 undefined undefined\n');
      expect(stderr).toMatch(
        /^Process Process-1:\n[\s\S]*Error: from a timer[\s\S]*\nProcess Process-2:\n[\s\S]*Error: unhandled/,
      );
      expect(stderr.match(/^Process /gm)).toHaveLength(2);
    });

    test('running out of memory', async () => {
      const { stdout, stderr } = await run('memory');
      expect(stdout).toBe(inThread ? '1\n' : '-6\n');
      expect(stderr).toMatch(
        inThread
          ? /Process hungry:\n[\s\S]*memory limit/
          : /WorkerLostError: Process hungry ended .*: killed by SIGABRT\n$/,
      );
    });

    test('ends that are meant: nothing', async () => {
      expect(await run('quiet')).toMatchObject({ code: 0, stdout: '-15 -9 -2 4\n', stderr: '' });
    });

    test('lines are whole and in order, and what has no end of line is not lost', async () => {
      expect(await run('prints')).toMatchObject({ stdout: 'one\ntwo halves\nno end of line\n', stderr: '' });
    });
  });

  describe('Ctrl+C', () => {
    test.each([
      ['interrupted', 'ready\nInterruptedError\n-2\n'],
      ['interrupted-result', 'ready\nInterruptedError\n'],
      ['interrupted-sync', 'ready\nInterruptedError\n'],
    ])('%s: the join ends, the processes end, and the status is 130', async (program, stdout) => {
      const script = startScript('process.mjs', [program, method]);
      await script.printed('ready');
      script.signal('SIGINT');
      expect(await script.finished).toEqual({ code: 130, signal: null, stdout, stderr: '' });
    });

    test('a daemon that nobody waits for: the program ends by the signal', async () => {
      const script = startScript('process.mjs', ['interrupted-daemon', method]);
      await script.printed('ready');
      script.signal('SIGINT');
      expect(await script.finished).toMatchObject({ code: null, signal: 'SIGINT', stderr: '' });
    });
  });
});

describe('when the first process is killed', () => {
  /** A script with a child and a child of that, all of them busy. */
  async function family(): Promise<{ script: Program; pids: number[] }> {
    const script = startScript('process.mjs', ['orphans', 'spawn']);
    await until(() => script.soFar().split('pid ').length === 3);
    const pids = [...script.soFar().matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    expect(new Set([script.pid, ...pids]).size).toBe(3);
    onTestFinished(() => {
      for (const pid of pids) if (!hasEnded(pid)) process.kill(pid, 'SIGKILL');
    });
    return { script, pids };
  }

  test('B40 a child process and its own end, whatever they do', async () => {
    const { script, pids } = await family();
    script.signal('SIGKILL');
    await until(() => pids.every(hasEnded));
    expect((await script.finished).signal).toBe('SIGKILL');
  });

  test('those that are stopped end, too', async () => {
    const { script, pids } = await family();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await until(() => pids.every((pid) => stateOf(pid) === 'T'));
    script.signal('SIGKILL');
    await until(() => pids.every(hasEnded));
  });

  test('one that boots at that time ends without a word', async () => {
    const script = startScript('boots-late.mjs', ['first-ended']);
    await script.printed('ready');
    script.signal('SIGKILL');
    const { stdout } = await script.finished;
    expect(JSON.parse(stdout.split('\n')[1])).toEqual({ status: 1, stderr: '' });
  });

  test('one that cannot join for another reason says so', async () => {
    const { stdout } = await startScript('boots-late.mjs', ['foreign']).finished;
    const { status, stderr } = JSON.parse(stdout.split('\n')[1]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Error: it is not the shared memory of this version/m);
  });
});

/** Whether a process is gone; nobody may have waited for it yet. */
const hasEnded = (pid: number): boolean => /[ZX]/.test(stateOf(pid));

/** What a process does, in a letter; X: it is gone. */
function stateOf(pid: number): string {
  try {
    return /^State:\s(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return 'X';
  }
}
