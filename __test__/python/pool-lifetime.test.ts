import { BrokenPoolError, Pool, StateError } from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  collectGarbage,
  echo,
  failure,
  Gate,
  idOf,
  inChildren,
  makePool,
  numbers,
  pass,
  ref,
  runScript,
  square,
  threadOf,
  thrown,
  until,
  watch,
} from '../helpers.js';

describe('making and ending', () => {
  test('119 the number of workers: refused below 1, kept otherwise', async () => {
    for (const processes of [-1, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(
        thrown(() => new Pool(processes)),
        String(processes),
      ).toBeInstanceOf(RangeError);
      expect(thrown(() => new Pool({ processes })).message).toContain('processes');
    }
    expect(thrown(() => new Pool('3' as unknown as number))).toBeInstanceOf(TypeError);
    const pool = makePool(3);
    expect(pool.processes).toBe(3);
    await pool.ready();
    expect(pool.workers.length).toBe(3);
  });

  test('120 terminate: 10,000 queued calls that block are all settled', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const calls = numbers(10_000).map(() => watch(pool.apply(pass, [gate.shared])));
    const map = watch(
      pool.starmap(
        pass,
        numbers(10_000).map(() => [gate.shared] as [Int32Array]),
        1,
      ),
    );
    await gate.reached(2);
    await pool.terminate();
    await pool.join();
    expect(calls.filter((call) => call.settled === 1).length).toBe(10_000);
    expect(map.settled).toBe(1);
    expect(gate.left).toBe(0);
  });

  test('126 arguments and results are not kept after completion', async () => {
    const pool = makePool(2);
    const refs: WeakRef<object>[] = [];
    const call = async (): Promise<void> => {
      const argument = { n: 1 };
      const buffer = new Uint8Array(1024);
      const results = await pool.map(echo, [argument, buffer]);
      const callback = (): void => {};
      const result = pool.applyAsync(echo, [argument], { callback });
      const value = await result.get();
      refs.push(
        ...[argument, buffer, results, ...results, result, value, callback].map((it) => new WeakRef<object>(it)),
      );
    };
    await call();
    expect(refs.length).toBe(8);
    await until(() => {
      void collectGarbage();
      return refs.every((ref) => ref.deref() === undefined);
    });
  });

  test('126 a worker does not keep the arguments of a task that is over', async () => {
    const pool = makePool(1);
    const remember = (value: object): void => {
      (globalThis as { last?: WeakRef<object> }).last = new WeakRef(value);
    };
    const forgotten = async (): Promise<boolean> => {
      const { setFlagsFromString } = process.getBuiltinModule('node:v8');
      setFlagsFromString('--expose-gc');
      const gc = process.getBuiltinModule('node:vm').runInNewContext('gc');
      await new Promise((done) => setTimeout(done, 1));
      gc();
      return (globalThis as { last?: WeakRef<object> }).last?.deref() === undefined;
    };
    await pool.apply(remember, [{ large: 'x'.repeat(1000) }]);
    while (!(await pool.apply(forgotten)));
  });

  test('134 a script that forgets its pool exits by itself with code 0', async () => {
    const { code, stdout, stderr } = await runScript('forgets-to-close.mjs');
    expect(stdout).toBe('1,4,9\n');
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});

describe('maxTasksPerChild', () => {
  test('131 workers are replaced after so many tasks, and every result is right', async () => {
    const pool = makePool({ processes: 3, maxTasksPerChild: 10 });
    await pool.ready();
    const first = new Set(pool.workers.map(idOf));
    const threads = await pool.map(threadOf, numbers(100), 1);
    const counts = new Map<number, number>();
    for (const thread of threads) counts.set(thread, (counts.get(thread) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(10);
    expect(counts.size).toBeGreaterThanOrEqual(10);
    expect(await pool.map(square, numbers(100))).toEqual(numbers(100).map(square));
    await until(() => pool.workers.length === 3);
    expect(pool.workers.filter((worker) => first.has(idOf(worker)))).toEqual([]);
    expect(await pool.apply(square, [5])).toBe(25);
  });

  test('132 close and join right after the calls: all results are delivered', async () => {
    const pool = makePool({ processes: 3, maxTasksPerChild: 1 });
    const results = numbers(6).map((x) => pool.applyAsync(square, [x]));
    pool.close();
    await pool.join();
    expect(results.every((result) => result.ready())).toBe(true);
    expect(await Promise.all(results.map((result) => result.get()))).toEqual([0, 1, 4, 9, 16, 25]);
  });

  test('133 an invalid number is refused', () => {
    for (const maxTasksPerChild of [0, -1, 0.5, Number.NaN]) {
      const error = thrown(() => new Pool({ processes: 1, maxTasksPerChild }));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain('maxTasksPerChild');
    }
    const error = thrown(() => new Pool({ maxTasksPerChild: '12' as unknown as number }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('12');
  });
});

describe('starting', () => {
  test('135 workers that cannot start: the error propagates and none is left over', async () => {
    const gate = new Gate();
    const initializer = ref('state.mjs', 'failingLater');
    const pool = makePool({ processes: 4, initializer, initArgs: [gate.shared] });
    const error = await failure(() => pool.ready());
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('only one connection');
    await pool.terminate();
    expect(pool.workers).toEqual([]);
  });

  test('135 workers that cannot even be made: the reason is told', async () => {
    const pool = makePool({ processes: 4, execArgv: ['--no-such-flag'] });
    for (const call of [() => pool.ready(), () => pool.apply(square, [1])]) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(BrokenPoolError);
      // Node says on standard error what a process does not understand.
      expect(error.message).toContain(inChildren ? 'process.exit(9)' : '--no-such-flag');
    }
    await pool.terminate();
    expect(pool.workers).toEqual([]);
  });

  test('136 an initializer runs once in every worker, before its first task', async () => {
    const gate = new Gate();
    const initializer = ref('state.mjs', 'initialize');
    const pool = makePool({ processes: 3, initializer, initArgs: [gate.shared, 'here'] });
    await pool.ready();
    expect(gate.note).toBe(3);
    const states = await pool.map(ref('state.mjs', 'readState'), numbers(30), 1);
    expect(gate.note).toBe(3);
    for (const state of states) expect(state.label).toBe('here');
    const most = Math.max(...states.map((state) => state.tasks));
    expect(most).toBeGreaterThanOrEqual(10);
  });

  test('136 an initializer that is no function is refused', () => {
    const error = thrown(() => new Pool({ processes: 1, initializer: 23 as unknown as () => void }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('initializer');
    expect(thrown(() => new Pool({ initArgs: 'x' as unknown as [] }))).toBeInstanceOf(TypeError);
  });

  test('137 a large pool', async () => {
    const pool = makePool(60);
    const squares = await pool.map(square, numbers(1000), 1);
    expect(squares.reduce((sum, value) => sum + value, 0)).toBe(332_833_500);
    await pool.terminate();
    expect(pool.workers).toEqual([]);
  });

  test('138 a pool made inside a worker', async () => {
    const pool = makePool(1);
    expect(await pool.apply(ref('nested.mjs', 'sumOfSquares'), [10])).toBe(285);
    expect(await pool.apply(ref('nested.mjs', 'sumOfSquaresSync'), [10])).toBe(285);
  });

  test('joining a pool that still takes work is refused', async () => {
    const pool = makePool(1);
    expect(await failure(() => pool.join())).toBeInstanceOf(StateError);
    await pool.apply(square, [1]);
    expect(await failure(() => pool.join())).toBeInstanceOf(StateError);
    pool.close();
    await pool.join();
  });
});
