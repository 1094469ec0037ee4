import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SerializationError } from '../../ts/internal/errors.js';
import { define } from '../../ts/internal/functions/define.js';
import type { AnyFunction, SourceDefinition } from '../../ts/internal/functions/definition.js';
import { load } from '../../ts/internal/functions/load.js';

/** A function with exactly this text, and nothing around it. */
function made(text: string, strict = true): AnyFunction {
  return vm.runInThisContext(`${strict ? "'use strict';" : ''}(${text})`);
}

function sourceOf(fn: AnyFunction): SourceDefinition {
  const definition = define(fn);
  if (definition.kind !== 'source') throw new Error(`kind is ${definition.kind}`);
  return definition;
}

/** The function after a journey: built from its definition, as a worker does. */
function sent<F extends AnyFunction>(fn: F): F {
  return load(JSON.parse(JSON.stringify(sourceOf(fn)))) as F;
}

function refusal(fn: AnyFunction): string {
  try {
    define(fn);
  } catch (error) {
    expect(error).toBeInstanceOf(SerializationError);
    return (error as Error).message;
  }
  throw new Error('was not refused');
}

describe('functions that need nothing around them', () => {
  it.each([
    ['arrow', '(x) => x * 2', [4], 8],
    ['arrow with an object', '(x) => ({ x })', [4], { x: 4 }],
    ['arrow that ends in a comment', '(x) => { return x; /* done */ }', [4], 4],
    ['function expression', 'function (x) { return x + 1; }', [4], 5],
    ['recursive named function', 'function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }', [10], 55],
    [
      'inner function declared later',
      'function f(x) { return later(x); function later(y) { return y * 3; } }',
      [4],
      12,
    ],
    ['hoisted var', 'function f(x) { if (x) { var y = x; } return y; }', [4], 4],
    ['default that uses an earlier parameter', '(a, b = a + 1) => b', [4], 5],
    [
      'destructuring',
      '({ a, b: { c = 2, ...d }, ...e }, [f, , ...g]) => [a, c, d, e, f, g]',
      [{ a: 1, b: { z: 3 }, y: 4 }, [5, 6, 7]],
      [1, 2, { z: 3 }, { y: 4 }, 5, [7]],
    ],
    [
      'destructuring assignment',
      '(o) => { let a, r; ({ a, ...r } = o); return [a, r]; }',
      [{ a: 1, b: 2 }],
      [1, { b: 2 }],
    ],
    ['closure inside', '(x) => { let n = x; const inc = () => ++n; inc(); return n; }', [4], 5],
    ['catch parameter', '(x) => { try { throw { m: x }; } catch ({ m }) { return m; } }', [4], 4],
    ['catch without one', '() => { try { throw 1; } catch { return 2; } }', [], 2],
    [
      'labels',
      '(n) => { outer: for (let i = 0; ; i++) { for (;;) { if (i >= n) break outer; continue outer; } } return n; }',
      [3],
      3,
    ],
    ['arguments', 'function () { return arguments.length; }', [1, 2, 3], 3],
    ['arguments in an arrow inside', 'function () { return (() => arguments[0])(); }', [9], 9],
    ['typeof of what may be missing', '() => typeof window', [], 'undefined'],
    [
      'globals',
      '(x) => [Math.max(x, 1), typeof Buffer, Number.isNaN(NaN), undefined, Infinity, globalThis === globalThis]',
      [4],
      [4, 'function', true, undefined, Number.POSITIVE_INFINITY, true],
    ],
    [
      'object keys and members',
      '(o) => ({ key: o.value, [o.k]: o?.value, m() { return 1; } }).key',
      [{ value: 7, k: 'z' }],
      7,
    ],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a function
    ['template literal', '(x) => `<${x}>`', [4], '<4>'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a function
    ['tagged template', '(x) => String.raw`\\n${x}`', [4], '\\n4'],
    ['regular expression', "(s) => /^a+$/u.test(s) && s.replace(/a/g, 'b')", ['aa'], 'bb'],
    [
      'class inside',
      '(x) => { class A { #p = x; static n = 1; static { A.n++; } get p() { return this.#p; } has(o) { return #p in o; } } const a = new A(); return [a.p, A.n, a.has(a)]; }',
      [4],
      [4, 2, true],
    ],
    [
      'super inside',
      '() => { class A { v() { return 1; } } class B extends A { v() { return super.v() + 1; } w = () => super.v(); } const b = new B(); return b.v() + b.w(); }',
      [],
      3,
    ],
    ['super of an object', '() => ({ toString() { return super.toString(); } }).toString()', [], '[object Object]'],
    [
      'class expression that knows its name',
      '() => { const C = class Me { static me() { return Me; } }; return C.me() === C; }',
      [],
      true,
    ],
    ['new.target', 'function f() { return new.target === undefined; }', [], true],
    ['this of a function', 'function () { return this; }', [], undefined],
    [
      'generator inside',
      '(n) => { function* g() { for (let i = 0; i < n; i++) yield i; } return [...g()]; }',
      [3],
      [0, 1, 2],
    ],
    [
      'loops',
      '(xs) => { let s = 0; for (const x of xs) s += x; for (const k in xs) s += +k; for (let i = 0, j = 1; i < j; i++) s += j; return s; }',
      [[1, 2]],
      5,
    ],
    ['switch', '(x) => { switch (x) { case 4: let y = 1; return y; default: return 0; } }', [4], 1],
    ['block function', '(x) => { { function g() { return x; } return g(); } }', [4], 4],
    ['optional call and nullish', '(f) => f?.() ?? 5', [undefined], 5],
    ['comma at the end', '(a, b,) => [a, b,].length', [1, 2], 2],
  ])('%s', (_title, text, args, result) => {
    expect(sent(made(text))(...args)).toEqual(result);
  });

  it('async functions and arrows', async () => {
    const fn = made('async (x) => { await null; for await (const y of [x]) return y; }');
    expect(sourceOf(fn).async).toBe(true);
    await expect(sent(fn)(3)).resolves.toBe(3);
    expect(sourceOf(made('() => 1')).async).toBe(false);
    const method = (made('{ async load(x) { return x; } }') as unknown as Record<'load', AnyFunction>).load;
    expect(sourceOf(method).async).toBe(true);
    await expect(sent(method)(3)).resolves.toBe(3);
  });

  it.each([
    ['{ double(x) { return x * 2; } }', 'double'],
    ["{ 'two words'(x) { return x * 2; } }", 'two words'],
    ['{ 12(x) { return x * 2; } }', '12'],
    ['{ get(x) { return x * 2; } }', 'get'],
    ['{ async(x) { return x * 2; } }', 'async'],
    ['{ static(x) { return x * 2; } }', 'static'],
    ['{ function(x) { return x * 2; } }', 'function'],
    ['{ if(x) { return x * 2; } }', 'if'],
    ["{ ['a' + (() => 'b')()](x) { return x * 2; } }", 'ab'],
    ['class { static double(x) { return x * 2; } }', 'double'],
    ['new (class { double(x) { return x * 2; } })()', 'double'],
  ])('method %s', (text, key) => {
    const method = (made(text) as unknown as Record<string, AnyFunction>)[key] as AnyFunction;
    const arrived = sent(method);
    expect(arrived(21)).toBe(42);
    expect(arrived.name).toBe(key);
  });

  it('a getter travels as the function that it is', () => {
    const getter = Object.getOwnPropertyDescriptor(made('{ get x() { return 42; } }'), 'x')?.get as AnyFunction;
    expect(sent(getter)()).toBe(42);
  });

  it('keep their names', () => {
    const named = { scale: (x: number) => x }.scale;
    expect(sent(named).name).toBe('scale');
    expect(sent(made('() => 1')).name).toBe('');
    const renamed = Object.defineProperty(() => 1, 'name', { value: 'other' });
    expect(sent(renamed).name).toBe('other');
    const broken = Object.defineProperty(() => 1, 'name', { value: 12 });
    expect(sent(broken).name).toBe('');
  });

  it('are analysed once per function, and compiled once', () => {
    const fn = (x: number) => x;
    expect(define(fn)).toBe(define(fn));
    expect(sent(fn)).toBe(sent(fn));
  });

  it('that are new objects of the same text have one definition', () => {
    const made = [1, 2].map(() => (x: number) => x + 1);
    expect(made[0]).not.toBe(made[1]);
    expect(sourceOf(made[0] as AnyFunction)).toBe(sourceOf(made[1] as AnyFunction));
  });

  it('of the same text stay apart if one is strict, or named otherwise', () => {
    const text = 'function f() { return this === undefined; }';
    expect(sent(made(text, true))()).toBe(true);
    expect(sent(made(text, false))()).toBe(false);
    const [a, b] = [{ a: (x: number) => x }.a, { b: (x: number) => x }.b];
    expect([sent(a).name, sent(b).name]).toEqual(['a', 'b']);
  });

  it('can be sent on by whoever received them', () => {
    const definition = define((x: number) => x + 1);
    expect(define(load(definition))).toEqual(definition);
  });

  it('stay strict or sloppy', () => {
    expect(sent(made('function f() { return this === undefined; }', true))()).toBe(true);
    expect(sent(made('function f() { return this === globalThis; }', false))()).toBe(true);
    expect(sent(made('(o) => { with (o) { return value; } }', false))({ value: 3 })).toBe(3);
    expect(sent(made('() => 010', false))()).toBe(8);
    expect(sent(made("function f() { eval('var x = 1'); return x; }", false))()).toBe(1);
    expect(sent(made('function f() { { function g() { return 1; } } return g(); }', false))()).toBe(1);
  });

  it('know the helper that esbuild and tsx put around names', () => {
    const helped = made('(x) => { const f = __name((y) => y + 1, "f"); return f(x); }');
    expect(sent(helped)(1)).toBe(2);
    const method = (
      made('{ async m(x) { const f = __name((y) => y + 1, "f"); return f(x); } }') as unknown as Record<
        'm',
        AnyFunction
      >
    ).m;
    return expect(sent(method)(1)).resolves.toBe(2);
  });
});

describe('free variables', () => {
  it.each([
    ['(x) => x * factor', ['factor']],
    ['(x) => log(x, factor, log)', ['log', 'factor']],
    ['() => { count++; }', ['count']],
    ['() => { count = 1; }', ['count']],
    ['(a = later) => { var later = 1; return a; }', ['later']],
    ['() => { { let inner = 1; } return inner; }', ['inner']],
    ['() => { for (const i of []) {} return i; }', ['i']],
    ['() => { try {} catch (e) {} return e; }', ['e']],
    ['() => ({ shorthand })', ['shorthand']],
    ['(o) => ({ [key]: o.other })', ['key']],
    ['(o) => { ({ a: target.b } = o); }', ['target']],
    ['({ a = fallback }) => a', ['fallback']],
    ['({ [key]: a }) => a', ['key']],
    ['() => class extends Base {}', ['Base']],
    ['() => class { [key] = value; }', ['key', 'value']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a function
    ['() => `${inner}`', ['inner']],
    ['() => tag`x`', ['tag']],
    ['() => { const f = function g() {}; return g; }', ['g']],
    ['() => import(path)', ['path']],
    ['() => typeof x === "number" && x', ['x']],
    ['() => arguments[0]', ['arguments']],
    ['() => { (class Me {}); return Me; }', ['Me']],
    ['() => { name: for (;;) break name; return label; }', ['label']],
    ['async () => { for await (const x of stream) return x; }', ['stream']],
    ["function f() { eval('1'); return outside; }", ['outside']],
  ])('of %s', (text, names) => {
    const message = refusal(made(text));
    const listed = /it uses (.*?) of the code around it/.exec(message)?.[1];
    expect([...(listed?.matchAll(/`(.+?)`/g) ?? [])].map((match) => match[1]).sort()).toEqual([...names].sort());
  });

  it('are named with the function and every way out', () => {
    const scale = { scale: made('(x) => x * factor + offset') }.scale;
    Object.defineProperty(scale, 'name', { value: 'scale' });
    expect(refusal(scale)).toBe(
      'Function `scale` cannot be sent to a worker: it uses `factor` and `offset` of the code around it, and closures ' +
        'are not captured yet. Pass them as arguments. Or export the function from a module and send ' +
        "`task(import.meta.url, 'scale')`.",
    );
  });

  it('show the text of a function without a name', () => {
    expect(refusal(made('(x) =>\n   x * factor'))).toContain('Function `(x) => x * factor` cannot be sent');
  });

  it('explain a function that calls itself through its variable', () => {
    const fib: AnyFunction = (n: number) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
    expect(refusal(fib)).toMatch(/write it as `function fib\(…\) \{ … \}`/);
  });

  it.each(['require', 'module', 'exports', '__filename', '__dirname'])('%s belongs to a CommonJS module', (name) => {
    const message = refusal(made(`() => ${name}`));
    expect(message).toContain(`\`${name}\``);
    expect(message).toMatch(/CommonJS.*await import\('…'\).*process\.getBuiltinModule\('…'\).*task\(/);
  });

  it.each([
    ['__vi_import_0__', /Vite and Vitest/],
    ['__vite_ssr_import_3__', /Vite and Vitest/],
    ['__vite_ssr_dynamic_import__', /Vite and Vitest/],
    ['_async_to_generator', /SWC or Babel/],
    ['_asyncToGenerator', /SWC or Babel/],
    ['_class_private_field_get', /SWC or Babel/],
    ['__awaiter', /TypeScript compiler/],
    ['tslib_1', /TypeScript compiler/],
    ['__publicField', /esbuild/],
    ['cov_2k3j4h', /Istanbul/],
    ['_work__WEBPACK_IMPORTED_MODULE_0__', /webpack/],
  ])('%s is explained as the helper of a tool', (name, tool) => {
    const message = refusal(made(`(x) => ${name}(x)`));
    expect(message).toContain(`\`${name}\``);
    expect(message).toMatch(tool);
    expect(message).toContain('task(import.meta.url');
  });

  it('of this very file are rewritten by Vitest, and explained', () => {
    expect(refusal(() => describe)).toMatch(/Vite and Vitest/);
  });
});

describe('what can never be sent', () => {
  it.each([
    ['function* g() { yield 1; }', /iterator.*Return an array/],
    ['async function* g() { yield 1; }', /iterator.*Return an array/],
    ['class A { m() {} }', /^Class `A`.*a class cannot be called as a task/],
    ['() => this.x', /arrow function that uses `this`/],
    ['(a = this) => a', /arrow function that uses `this`/],
  ])('%s', (text, why) => {
    expect(refusal(made(text))).toMatch(why);
  });

  it('parts of a class that need their class', () => {
    const parts = made(
      'class extends Object { static s() { return super.keys({}); } static #p = 1; static q() { return this.#p; } ' +
        'static #m() {} static m() { return this.#m; } static *g() {} static a = () => super.keys({}); }',
    ) as unknown as Record<string, AnyFunction>;
    expect(refusal(parts.s as AnyFunction)).toMatch(/`super`, which only its class can see/);
    expect(refusal(parts.q as AnyFunction)).toMatch(/`#p`, which only its class can see/);
    expect(refusal((parts.m as AnyFunction).call(parts))).toMatch(/private method/);
    expect(refusal(parts.g as AnyFunction)).toMatch(/iterator/);
    expect(refusal(parts.a as AnyFunction)).toMatch(/`super`|`this`/);
  });

  it('bound functions, native ones, proxies', () => {
    expect(refusal((() => 1).bind(null))).toMatch(/bound function.*\[native code\]/);
    expect(refusal(process.hrtime.bigint.bind(process))).toMatch(/bound function/);
    expect(refusal(new Proxy(() => 1, {}))).toMatch(/native code or a Proxy/);
    expect(refusal(String.prototype.trim)).toMatch(/native code or a Proxy/);
  });

  it('is refused again, not remembered as good', () => {
    const fn = made('() => missing');
    expect(refusal(fn)).toBe(refusal(fn));
  });
});

describe('functions of the language and of Node', () => {
  it.each([
    [Math.sqrt, 'Math.sqrt'],
    [Number.parseInt, 'parseInt'],
    [Number, 'Number'],
    [String, 'String'],
    [JSON.parse, 'JSON.parse'],
    [Number.isInteger, 'Number.isInteger'],
    [Array.from, 'Array.from'],
    [Map, 'Map'],
    [structuredClone, 'structuredClone'],
    [Buffer.byteLength, 'Buffer.byteLength'],
    [URL, 'URL'],
  ])('%o travels as %s', (fn, path) => {
    const definition = define(fn as AnyFunction);
    expect(definition).toEqual({ kind: 'builtin', path });
    expect(load(definition)).toBe(fn);
  });

  it('what the program itself adds to a global is not one of them', () => {
    const added = (() => 1).bind(null);
    Object.assign(globalThis, { addedByTest: added });
    try {
      expect(refusal(added)).toMatch(/bound/);
    } finally {
      Reflect.deleteProperty(globalThis, 'addedByTest');
    }
  });

  it.each(['process.exit', 'Math.nothing', 'Math.PI', 'nothing', '__proto__.toString', 'Object.prototype.toString'])(
    '%s is not loaded',
    (path) => {
      expect(() => load({ kind: 'builtin', path })).toThrow(TypeError);
    },
  );
});
