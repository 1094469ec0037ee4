import { describe, expect, test } from 'vitest';
import { until } from '../helpers.js';
import { startInTerminal, type TerminalProgram } from '../terminal.js';

const INTERRUPTED = 'InterruptedError ERR_MANYCORE_INTERRUPTED';

/** What is on the screen after Ctrl+C, without the mark that the terminal shows for it, and what a worker still says. */
const shown = (screen: string): string[] =>
  screen
    .slice(screen.indexOf('^C') + 2)
    .split('\n')
    .filter((line) => !line.startsWith('busy '));

/** Whether a process is there. */
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Runs the script until it waits, and presses Ctrl+C. */
async function interrupted(what: string, ms = 20, ready = 'busy', context = 'thread'): Promise<TerminalProgram> {
  const program = await startInTerminal('ctrl-c.mjs', [what, String(ms), context]);
  await program.printed('busy');
  await program.printed(ready);
  program.press();
  return program;
}

/** The script ends as it should: with the error, after its `finally`, by itself. */
async function ends(program: TerminalProgram): Promise<void> {
  const { code, signal, stdout } = await program.finished;
  expect(shown(stdout)).toEqual([INTERRUPTED, 'closing', 'closed', 'exit 130', '']);
  expect([code, signal]).toEqual([130, null]);
}

describe('Ctrl+C in a terminal, with workers that compute for ever', () => {
  const calls = ['apply', 'applyAsync', 'applySync', 'map', 'mapAsync', 'mapSync', 'starmap', 'starmapAsync'];
  const iterators = ['starmapSync', 'imap', 'imapUnordered', 'istarmap', 'istarmapUnordered'];
  const others = [
    'mapEndless',
    'imapSettled',
    'retries',
    'join',
    'joinEndless',
    'ready',
    'defaultPool',
    'inline',
    'async',
  ];
  for (const what of [...calls, ...iterators, ...others]) {
    test(`ends \`${what}\`, and the program by itself`, async () => {
      await ends(await interrupted(what));
    });
  }
});

describe('Ctrl+C in a terminal, while something shared is awaited', () => {
  for (const what of ['lock', 'lockSync', 'withLock', 'rlock', 'rlockSync']) {
    test(`ends \`${what}\``, async () => {
      await ends(await interrupted(what, 20, 'taken'));
    });
  }
  const signals = ['semaphore', 'semaphoreSync', 'event', 'eventSync', 'barrier', 'barrierSync'];
  const queues = ['get', 'getSync', 'getMany', 'put', 'putSync', 'queueJoin', 'queueJoinSync', 'forAwait'];
  const pipes = ['recv', 'recvSync', 'wait'];
  for (const what of [...signals, ...queues, ...pipes]) {
    test(`ends \`${what}\``, async () => {
      await ends(await interrupted(what));
    });
  }
});

describe('Ctrl+C in a terminal, while a condition is awaited', () => {
  for (const what of ['condition', 'conditionSync', 'conditionFor']) {
    test(`70 ends \`${what}\`, also while a worker computes that has the lock`, async () => {
      await ends(await interrupted(what));
    });
  }
});

describe('Ctrl+C in a terminal, with child processes that compute for ever', () => {
  const calls = ['apply', 'applyAsync', 'applySync', 'map', 'mapAsync', 'mapSync', 'starmap', 'starmapAsync'];
  const iterators = ['starmapSync', 'imap', 'imapUnordered', 'mapEndless'];
  const waits = [
    'join',
    'ready',
    'event',
    'eventSync',
    'condition',
    'conditionSync',
    'barrier',
    'get',
    'getSync',
    'recv',
  ];
  for (const what of [...calls, ...iterators, ...waits]) {
    test(`ends \`${what}\`, and the program by itself`, async () => {
      await ends(await interrupted(what, 20, 'busy', 'spawn'));
    });
  }

  for (const what of ['lock', 'lockSync']) {
    test(`ends \`${what}\``, async () => {
      await ends(await interrupted(what, 20, 'taken', 'spawn'));
    });
  }

  test('a `finally` of three seconds runs to its end', async () => {
    await ends(await interrupted('map', 3000, 'busy', 'spawn'));
  });

  test('a second Ctrl+C kills at once, the children too', async () => {
    const program = await startInTerminal('ctrl-c-program.mjs', ['children']);
    await program.printed('ready');
    program.press();
    await program.printed('closing');
    program.press();
    const { signal, stdout } = await program.finished;
    expect(signal).toBe('SIGINT');
    const pids = JSON.parse(/^pids (.*)$/m.exec(stdout)?.[1] ?? '[]') as number[];
    expect(pids.length).toBe(2);
    await until(() => !pids.some(isAlive));
  });
});

describe('what Ctrl+C leaves to the program', () => {
  for (const what of ['map', 'mapSync', 'event']) {
    test(`a \`finally\` of three seconds after \`${what}\` runs to its end`, async () => {
      await ends(await interrupted(what, 3000));
    });

    test(`a second Ctrl+C in the \`finally\` after \`${what}\` kills at once`, async () => {
      const program = await interrupted(what, 3_600_000);
      await program.printed('closing');
      program.press();
      const { signal, stdout } = await program.finished;
      expect(signal).toBe('SIGINT');
      expect(stdout).not.toContain('closed');
    });
  }
});

describe('what Ctrl+C does to a program', () => {
  const start = async (what: string, printed: string): Promise<TerminalProgram> => {
    const program = await startInTerminal('ctrl-c-program.mjs', [what]);
    await program.printed(printed);
    return program;
  };

  test('an idle pool changes nothing: the first kills', async () => {
    const program = await start('idle', 'ready');
    program.press();
    expect(await program.finished).toMatchObject({ signal: 'SIGINT' });
  });

  test('so does an iterator that nobody reads', async () => {
    const program = await start('unread', 'ready');
    program.press();
    expect(await program.finished).toMatchObject({ signal: 'SIGINT' });
  });

  for (const what of ['computes', 'computes-pending', 'blocks']) {
    test(`a main thread that ${what}: the second kills, whether the first was seen or not`, async () => {
      const program = await start(what, 'ready');
      // Two that come before the system has told of the first are one.
      const again = setInterval(program.press, 50);
      expect(await program.finished).toMatchObject({ signal: 'SIGINT' });
      clearInterval(again);
    });
  }

  test('a handler of its own is respected, as long as it is there', async () => {
    const program = await start('handler', 'ready');
    program.press();
    await program.printed('handler 1\n');
    program.press();
    await program.printed('handler 2\n');
    // It has removed itself.
    program.press();
    const { code, stdout } = await program.finished;
    expect(stdout).toContain(INTERRUPTED);
    expect(code).toBe(130);
  });

  for (const what of ['signal-exit-4', 'signal-exit-3']) {
    test(`listeners that leave it to others (${what}) are no handler of its own`, async () => {
      for (const [pending, status] of [
        ['idle', { signal: 'SIGINT' }],
        ['pending', { code: 130, signal: null }],
      ] as const) {
        const program = await startInTerminal('ctrl-c-program.mjs', [what, pending]);
        await program.printed('ready');
        program.press();
        expect(await program.finished).toMatchObject(status);
      }
    });
  }

  test('a handler of its own is respected where the main thread computes', async () => {
    const program = await start('handler-computes', 'ready');
    for (let i = 1; i <= 3; i++) {
      program.press();
      await program.printed('^C'.repeat(i));
    }
    program.type('\n');
    expect(await program.finished).toMatchObject({ code: 0 });
  });

  test('an InterruptedError that nobody catches ends the program with 130', async () => {
    const program = await start('uncaught', 'ready');
    program.press();
    const { code, stdout } = await program.finished;
    expect(stdout).toContain('InterruptedError: Interrupted by Ctrl+C');
    expect(code).toBe(130);
  });

  test("so does one that is another error's cause, and one of a blocking call", async () => {
    for (const what of ['uncaught-cause', 'uncaught-sync']) {
      const program = await start(what, 'ready');
      program.press();
      const { code, stdout } = await program.finished;
      expect(stdout).toContain('Interrupted by Ctrl+C');
      expect(code).toBe(130);
    }
  });

  test('promises that are not awaited yet do not cut a `finally` short', async () => {
    const program = await start('not-awaited', 'ready');
    program.press();
    const { code, stdout } = await program.finished;
    expect(shown(stdout)).toEqual(['closing', 'closed', 'exit 130', '']);
    expect(code).toBe(130);
  });

  test('any other rejection that nobody handles ends the program as ever', async () => {
    const program = await start('other-rejection', 'ready');
    program.press();
    const { code, stdout } = await program.finished;
    expect(stdout).toContain('RangeError: not of Ctrl+C');
    expect(stdout).not.toContain('closed');
    expect(code).toBe(1);
  });

  test('disposal and exit hooks run', async () => {
    const program = await start('disposes', 'ready');
    program.press();
    const { code, stdout } = await program.finished;
    expect(shown(stdout)).toEqual(['closing', 'closed', 'pool gone', 'exit 130', '']);
    expect(code).toBe(130);
  });

  test('a runner that passes on what its child got, too, is no second Ctrl+C', async () => {
    const program = await start('runner', 'ready');
    program.press();
    const { code, stdout } = await program.finished;
    expect(stdout).toContain('passed on');
    expect(shown(stdout)).toEqual(expect.arrayContaining([INTERRUPTED, 'closing', 'closed', 'exit 130']));
    expect(code).toBe(130);
  });
});
