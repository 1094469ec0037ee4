import { fileURLToPath } from 'node:url';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { SerializationError } from '../../ts/internal/errors.js';
import { define } from '../../ts/internal/functions/define.js';
import type { Definition } from '../../ts/internal/functions/definition.js';
import { load, resolveTask } from '../../ts/internal/functions/load.js';
import { isTask, type TaskFunction, task, tasks } from '../../ts/internal/functions/task.js';

const work = new URL('fixtures/work.mjs', import.meta.url);

interface Work {
  quadruple(x: number): number;
  later(x: number): Promise<number>;
  default(x: number): number;
  readonly loadingAtTopLevel: boolean;
  Thing: new () => object;
}

describe('task(url, name)', () => {
  it('can be called in this thread', async () => {
    const quadruple = task<Work['quadruple']>(work, 'quadruple');
    expectTypeOf(quadruple).toEqualTypeOf<(x: number) => Promise<number>>();
    await expect(quadruple(3)).resolves.toBe(12);
    await expect(task(work, 'nothing')()).rejects.toThrow(/has no export `nothing`/);
  });

  it('takes a URL, its text, or an absolute path', () => {
    const expected: Definition = { kind: 'module', url: work.href, name: 'later' };
    expect(define(task(work, 'later'))).toEqual(expected);
    expect(define(task(work.href, 'later'))).toEqual(expected);
    expect(define(task(fileURLToPath(work), 'later'))).toEqual(expected);
  });

  it('takes modules of Node and data URLs', async () => {
    await expect(task('node:path', 'basename')('/a/b.txt')).resolves.toBe('b.txt');
    await expect(task('data:text/javascript,export default (x) => x * 2', 'default')(4)).resolves.toBe(8);
  });

  it.each(['./work.mjs', '../work.mjs', 'work.mjs', 'lodash', '', 'https://example.com/x.js'])('refuses %o', (url) => {
    expect(() => task(url, 'x')).toThrow(TypeError);
    expect(() => task(url, 'x')).toThrow(/Expected `url` to be a file URL or an absolute path.*import\.meta\.url/);
    expect(() => tasks(url)).toThrow(TypeError);
  });

  it('refuses what is no URL, and no name', () => {
    expect(() => task(12 as never, 'x')).toThrow('got `12` (number)');
    expect(() => task(undefined as never, 'x')).toThrow('got `undefined`');
    expect(() => task(work, '')).toThrow(TypeError);
    expect(() => task(work, undefined as never)).toThrow(/Expected `name` to be the name of an export/);
  });

  it('arrives as a reference again', async () => {
    const definition = define(task(work, 'quadruple'));
    const arrived = load(definition);
    expect(isTask(arrived)).toBe(true);
    expect(arrived.name).toBe('quadruple');
    expect(define(arrived)).toEqual(definition);
    await expect(arrived(1)).resolves.toBe(4);
  });

  it('is recognised when another copy of the package made it', () => {
    const definition = { kind: 'module', url: work.href, name: 'later' };
    const foreign = Object.defineProperty(() => {}, Symbol.for('manycore.task'), { value: definition });
    expect(isTask(foreign)).toBe(true);
    expect(define(foreign)).toEqual(definition);
  });

  it('that names itself is an error, not an endless loop', async () => {
    const url = `data:text/javascript,${encodeURIComponent(
      "const d = { kind: 'module', url: import.meta.url, name: 'x' };" +
        "export const x = Object.defineProperty(() => 1, Symbol.for('manycore.task'), { value: d });",
    )}`;
    await expect(resolveTask({ kind: 'module', url, name: 'x' })).rejects.toThrow(/a task that names itself/);
  });
});

describe('tasks(url)', () => {
  it('has all functions of a module, typed', async () => {
    const all = tasks<Work>(work);
    expectTypeOf(all.later).toEqualTypeOf<(x: number) => Promise<number>>();
    expectTypeOf<keyof typeof all>().toEqualTypeOf<'quadruple' | 'later' | 'default'>();
    await expect(all.quadruple(2)).resolves.toBe(8);
    await expect(all.default(2)).resolves.toBe(1);
    expect(all.later).toBe(all.later);
  });

  it('is no thenable, and survives what inspects objects', async () => {
    const all = tasks<Work>(work);
    await expect(Promise.resolve(all)).resolves.toBe(all);
    expect(JSON.stringify(all)).toBe('{}');
    expect(String(all)).toBe('[object Object]');
    expect(() => Object.assign(all, { later: 1 })).toThrow(TypeError);
  });
});

describe('task(fn)', () => {
  it('is of the same type, and callable', () => {
    const add = task((a: number, b: number) => a + b);
    expectTypeOf(add).toEqualTypeOf<(a: number, b: number) => number>();
    expect(add(1, 2)).toBe(3);
    expect(add.length).toBe(2);
    expect(isTask(add)).toBe(true);
  });

  it('keeps the name', () => {
    expect(task(function named() {}).name).toBe('named');
  });

  it('passes `this` on', () => {
    const holder = {
      n: 3,
      get: task(function (this: { n: number }) {
        return this.n;
      }),
    };
    expect(holder.get()).toBe(3);
  });

  it('travels as the function itself', () => {
    const square = (x: number) => x * x;
    expect(define(task(square))).toEqual(define(square));
    expect(define(task(Math.sqrt))).toEqual({ kind: 'builtin', path: 'Math.sqrt' });
    expect(load(define(task(square)))(5)).toBe(25);
  });

  it('throws at once for a function that cannot be sent', () => {
    const factor = Math.random();
    expect(() => task((x: number) => x * factor)).toThrow(SerializationError);
  });
});

describe('isTask', () => {
  it('answers no for anything else', () => {
    for (const value of [null, undefined, 1, {}, () => 1, Math.sqrt, Object.create(task(() => 1))]) {
      expect(isTask(value)).toBe(false);
    }
  });
});

it('TaskFunction unwraps promises once', () => {
  expectTypeOf<TaskFunction<(x: string) => Promise<number>>>().toEqualTypeOf<(x: string) => Promise<number>>();
});
