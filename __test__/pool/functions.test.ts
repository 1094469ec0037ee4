import { fileURLToPath, pathToFileURL } from 'node:url';
import { SerializationError, task, tasks } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, fixture, makePool, numbers, ref, square, thrown } from '../helpers.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const stripsTypes = major > 22 || (major === 22 && minor >= 18);

describe('B2 references to exports', () => {
  test('B2 named and default exports of an ES module', async () => {
    const pool = makePool(1);
    expect(await pool.apply(ref('tasks.mjs', 'add'), [2, 3])).toBe(5);
    expect(await pool.apply(ref('tasks.mjs', 'default'), [4])).toBe(12);
  });

  test('B2 a URL, its text and a path are the same', async () => {
    const pool = makePool(1);
    const url = fixture('tasks.mjs');
    for (const where of [url, url.href, fileURLToPath(url), pathToFileURL(fileURLToPath(url))]) {
      expect(await pool.apply(task<(x: number) => number>(where, 'square'), [3])).toBe(9);
    }
    expect(await pool.apply(ref('tasks.mjs', 'loadCount'))).toBe(1);
  });

  test('B2 CommonJS modules', async () => {
    const pool = makePool(1);
    expect(await pool.apply(ref('tasks.cjs', 'square'), [3])).toBe(9);
    expect(await pool.apply(ref('tasks.cjs', 'directory'))).toBe(fileURLToPath(fixture('.')).replace(/\/$/, ''));
    expect(await pool.apply(ref('default.cjs', 'default'), [3])).toBe(12);
  });

  test.skipIf(!stripsTypes)('B2 TypeScript modules, where Node strips types', async () => {
    const pool = makePool(1);
    expect(await pool.apply(ref('typed.ts', 'norm'), [{ x: 3, y: 4 }])).toBe(5);
    const typed = tasks<typeof import('../fixtures/typed.js')>(fixture('typed.ts'));
    expect(await pool.apply(typed.label, ['a', 2])).toBe('a:2');
  });

  test('B2 a missing export: a clear error, and the pool goes on', async () => {
    const pool = makePool(1);
    const missing = await failure(() => pool.apply(ref('tasks.mjs', 'sqaure'), [3]));
    expect(missing.message).toContain('sqaure');
    expect(missing.message).toContain('tasks.mjs');
    const value = await failure(() => pool.apply(ref('tasks.mjs', 'notAFunction')));
    expect(value.message).toContain('notAFunction');
    const nowhere = await failure(() => pool.apply(ref('nowhere.mjs', 'square'), [3]));
    expect(nowhere.code).toBe('ERR_MODULE_NOT_FOUND');
    expect(nowhere.message).toContain('nowhere.mjs');
    expect(await pool.apply(ref('tasks.mjs', 'square'), [3])).toBe(9);
    expect(pool.stats().restarts).toBe(0);
  });

  test('B2 a worker imports a module once', async () => {
    const pool = makePool(1);
    await pool.map(ref('tasks.mjs', 'square'), numbers(20), 1);
    expect(await pool.map(ref('tasks.mjs', 'loadCount'), [1, 2, 3], 1)).toEqual([1, 1, 1]);
  });

  test('B2 tasks() gives every export, a reference can be sent on', async () => {
    const pool = makePool(1);
    const all = tasks<{ square(x: number): number; add(a: number, b: number): number }>(fixture('tasks.mjs'));
    expect(await pool.map(all.square, [1, 2])).toEqual([1, 4]);
    expect(await pool.starmap(all.add, [[1, 2]])).toEqual([3]);
  });

  test('B2 wrong arguments of task are refused at the call', () => {
    expect(thrown(() => task(5 as unknown as string, 'x'))).toBeInstanceOf(TypeError);
    expect(thrown(() => task(fixture('tasks.mjs'), 5 as unknown as string))).toBeInstanceOf(TypeError);
  });
});

describe('functions without free variables', () => {
  test('every form of a function', async () => {
    const pool = makePool(1);
    const methods = {
      method(x: number) {
        return x + 1;
      },
      async later(x: number) {
        return x + 2;
      },
      'spaced name'(x: number) {
        return x + 3;
      },
    };
    function declared(x: number): number {
      return x <= 1 ? 1 : x * declared(x - 1);
    }
    const expression = (x: number): number => x + 5;
    const defaults = ({ a = 1, b: [c = 2] = [] }: { a?: number; b?: number[] }, ...rest: number[]) =>
      a + c + rest.length;
    const inner = (x: number): number => {
      const helper = (y: number) => y * 2;
      class Local {
        value = helper(x);
      }
      return new Local().value;
    };
    expect(await pool.apply(methods.method, [1])).toBe(2);
    expect(await pool.apply(methods.later, [1])).toBe(3);
    expect(await pool.apply(methods['spaced name'], [1])).toBe(4);
    expect(await pool.apply(declared, [5])).toBe(120);
    expect(await pool.apply(expression, [1])).toBe(6);
    expect(await pool.apply(defaults, [{}, 7, 8])).toBe(5);
    expect(await pool.apply(inner, [4])).toBe(8);
    expect(await pool.apply(() => '— 世界 😀 `quoted`')).toBe('— 世界 😀 `quoted`');
    expect(await pool.map(Math.sqrt, [4, 9])).toEqual([2, 3]);
    expect(await pool.map(String, [1, null])).toEqual(['1', 'null']);
    expect(await pool.apply(JSON.stringify, [{ a: 1 }])).toBe('{"a":1}');
    expect(await pool.apply(task(square), [3])).toBe(9);
  });

  test('globals of Node are there', async () => {
    const pool = makePool(1);
    const call = async () => {
      const { createHash } = process.getBuiltinModule('node:crypto');
      await new Promise((done) => setTimeout(done, 1));
      return [
        createHash('sha1').update('a').digest('hex').slice(0, 8),
        typeof structuredClone,
        new URL('a:b').protocol,
      ];
    };
    expect(await pool.apply(call)).toEqual(['86f7e437', 'function', 'a:']);
  });

  test('a free variable is named, with its kind and a way out', async () => {
    const pool = makePool(1);
    const factor = 3;
    const error = await failure(() => pool.map((x: number) => x * factor, [1]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.message).toContain('factor');
    expect(error.message).toMatch(/task\(/);
    const own = await failure(() => pool.apply(() => square(2)));
    expect(own).toBeInstanceOf(SerializationError);
    expect(await pool.apply(square, [2])).toBe(4);
  });

  test('a free variable is no matter of the worker: no task runs for it', async () => {
    const pool = makePool(1);
    const captured = { a: 1 };
    for (const call of [
      () => pool.apply(() => captured.a),
      () => pool.map(() => captured.a, [1, 2]),
      () => pool.imap(() => captured.a, [1]).next(),
      () => pool.applySync(() => captured.a),
    ]) {
      expect((await failure(call)).message).toContain('captured');
    }
    expect(pool.stats().completed + pool.stats().pending).toBe(0);
    expect(pool.stats().workers.map((worker) => worker.completed)).not.toContain(1);
  });

  test('bound and native functions are refused with a reason', async () => {
    const pool = makePool(1);
    for (const fn of [square.bind(null, 2), new Map().get.bind(new Map()), new Proxy(square, {})]) {
      const error = await failure(() => pool.apply(fn as () => unknown));
      expect(error).toBeInstanceOf(SerializationError);
    }
  });

  test('the stack of an inline function shows where it was written', async () => {
    const pool = makePool(1);
    const error = await failure(() =>
      pool.apply(function inlineThrower() {
        throw new Error('inline');
      }),
    );
    expect(error.stack).toContain('inlineThrower');
  });
});
