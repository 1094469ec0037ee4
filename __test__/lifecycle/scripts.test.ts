import { describe, expect, test } from 'vitest';
import { runScript, startScript } from '../helpers.js';

describe('scripts that end by themselves', () => {
  test('B44 a script that forgets to close several busy pools prints everything and exits with 0', async () => {
    const { code, signal, stdout, stderr } = await runScript('forgets-everything.mjs');
    expect(stdout).toBe('apply 4\nmap 1,4,9\nimap 1\nimap 4\nsync 25\ndefault 36\nnested 14\ndone\n');
    expect(stderr).toBe('');
    expect([code, signal]).toEqual([0, null]);
  });

  test('B45 waiting for the end of a pool keeps the script alive until it has come', async () => {
    const { code, stdout, stderr } = await runScript('join.mjs');
    expect(stdout).toBe('joined a pool that worked\njoined a pool that never started\nterminated\n');
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test('B44 a timer that a task left behind does not keep the script alive', async () => {
    const { code, stdout } = await runScript('leaves-timer.mjs');
    expect(stdout).toBe('1\n');
    expect(code).toBe(0);
  });

  test('B45 a pending call keeps Node alive', async () => {
    const { code, stdout } = await runScript('pending.mjs');
    expect(stdout).toBe('apply after 50 ms\nmap after 50 ms\nimap after 50 ms\nasync result after 50 ms\n');
    expect(code).toBe(0);
  });

  test('B45 a call that waits for a retry, for a place or for a start keeps Node alive', async () => {
    const { code, stdout } = await runScript('pending-waiting.mjs');
    expect(stdout).toBe('retried 2\nqueued 9\nready 2\n');
    expect(code).toBe(0);
  });

  test('neither the import nor a worker loads large parts of Node that it does not need', async () => {
    const { code, stdout } = await runScript('loads-little.mjs');
    expect(stdout).toBe('main \nworker \n');
    expect(code).toBe(0);
  });

  test('an unread imap does not keep Node alive for ever', async () => {
    const { code, stdout } = await runScript('unread-imap.mjs');
    expect(stdout).toBe('first 0\n');
    expect(code).toBe(0);
  });
});

describe('the main thread ends while workers are busy', () => {
  for (const how of ['loop', 'wait', 'async', 'queue', 'sync-in-worker', 'starting']) {
    test(`process.exit(7) with workers busy (${how})`, async () => {
      const { code, signal, stdout, stderr } = await runScript('exits-busy.mjs', [how]);
      expect(stdout).toBe('busy\nexit 7\n');
      expect(stderr).toBe('');
      expect([code, signal]).toEqual([7, null]);
    });
  }

  for (const how of ['loop', 'wait', 'async']) {
    test(`an uncaught error on the main thread with workers busy (${how})`, async () => {
      const { code, signal, stdout, stderr } = await runScript('throws-busy.mjs', [how]);
      expect(stdout).toBe('busy\n');
      expect(stderr).toContain('uncaught on main');
      expect([code, signal]).toEqual([1, null]);
    });
  }

  test('process.exitCode set by the script is kept', async () => {
    const { code } = await runScript('exit-code.mjs');
    expect(code).toBe(3);
  });

  test('an unhandled rejection of a call ends the script as Node does', async () => {
    const { code, stderr } = await runScript('unhandled.mjs');
    expect(code).toBe(1);
    expect(stderr).toContain('RangeError: nobody handles this');
  });

  test('a pool error without a listener is printed and not fatal', async () => {
    const { code, stdout, stderr } = await runScript('error-unheard.mjs');
    expect(stdout).toBe('returned\n9\n');
    expect(stderr).toContain('from a timer');
    expect(stderr.split('from a timer').length).toBe(2);
    expect(code).toBe(0);
  });
});

describe.skipIf(process.platform === 'win32')('Ctrl+C', () => {
  test('the first rejects pending calls with InterruptedError; finally and dispose run; exit code 130', async () => {
    const script = startScript('interrupted.mjs', ['async']);
    await script.printed('busy\n');
    script.signal('SIGINT');
    const { code, signal, stdout } = await script.finished;
    const lines = stdout.split('\n');
    const interrupted = ['apply', 'imap', 'map'].map((name) => `${name} InterruptedError ERR_MANYCORE_INTERRUPTED`);
    expect(lines.slice(1, 4).sort()).toEqual(interrupted);
    expect(lines.slice(4)).toEqual(['finally began', 'finally ended', 'exit 130', '']);
    expect([code, signal]).toEqual([130, null]);
  });

  test('it reaches a blocking call', async () => {
    const script = startScript('interrupted.mjs', ['sync']);
    await script.printed('busy\n');
    script.signal('SIGINT');
    const { code, signal, stdout } = await script.finished;
    expect(stdout).toBe(
      'busy\nsync InterruptedError ERR_MANYCORE_INTERRUPTED\nfinally began\nfinally ended\nexit 130\n',
    );
    expect([code, signal]).toEqual([130, null]);
  });

  test('the second kills', async () => {
    const script = startScript('interrupted.mjs', ['stubborn']);
    await script.printed('busy\n');
    script.signal('SIGINT');
    await script.printed('finally began\n');
    script.signal('SIGINT');
    const { code, signal, stdout } = await script.finished;
    expect(stdout).not.toContain('finally ended');
    expect(signal === 'SIGINT' || code === 130).toBe(true);
  });

  test("with a handler of the user's own manycore does nothing by itself", async () => {
    const script = startScript('interrupted.mjs', ['handler']);
    await script.printed('busy\n');
    script.signal('SIGINT');
    const { code, stdout } = await script.finished;
    expect(stdout).toBe('busy\nown handler\napply done\nfinally began\nfinally ended\nexit 0\n');
    expect(code).toBe(0);
  });

  test('an idle pool does not change what SIGINT does', async () => {
    const script = startScript('interrupted.mjs', ['idle']);
    await script.printed('idle\n');
    script.signal('SIGINT');
    const { code, signal } = await script.finished;
    expect(signal === 'SIGINT' || code === 130).toBe(true);
  });
});
