import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyNode } from 'acorn';
import { describe, expect, it } from 'vitest';
import { parseExpression, parseFile } from '../../ts/internal/functions/acorn.js';
import { Place } from '../../ts/internal/functions/caller.js';
import { glance } from '../../ts/internal/functions/glance.js';
import { analyse } from '../../ts/internal/functions/scope.js';

/** The free names that a glance reports; `undefined` if it leaves the text to the parser. */
const freeOf = (text: string): string[] | undefined => {
  const found = glance(text);
  return found && [...found.free];
};

describe('names that are surely declared', () => {
  it.each([
    ['(x) => x + 1'],
    ['x => x + 1'],
    ['async (x) => x'],
    ['async x => x'],
    ['async (x) => { await x; for await (const y of x) await y.z(); }'],
    ['function () { return 1; }'],
    ['function fact(n) { return n < 2 ? 1 : n * fact(n - 1); }'],
    ['async function load(n) { return n; }'],
    ['({ a, b: { c = 2, ...d }, "e-f": g }, [h, , ...i], j = -1, k = {}) => [a, c, d, g, h, i, j, k]'],
    ['(n) => { for (let i = 0, j = 1; i < j; i++) n += i; for (const k in n) n += k; return n; }'],
    ['(xs) => { for (const x of xs) if (x) { xs = x } }'],
    ['(xs) => { for (const of of xs) { of.x(); } }'],
    ['(o) => ({ id: o.id, of: o.in, name: o.name.toUpperCase(), o })'],
    ['(s) => { try { throw s; } catch ({ message }) { return message; } }'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a function
    ['(x) => `a ${`b ${x} }`} ${{ x }.x} \\` ${[x].map((y) => y)}`'],
    ['(a, b) => (a + b) / 2 / a[0] / b.if / 3'],
    ['(s) => /[/}]\\//.test(s) || s.split(/,/g)'],
    ['(a) => a ? (x) => x ? x : 1 : a'],
    ['(a) => a\n  .map((x) => x)\n  .filter((x) => x +\n x\n [x])'],
    ['(a) => { const f = (x) =>\n x, g = a; return f(g); }'],
    ['(x) => x?.5:1'.replace('1', 'x')],
    ['(x) => { let y = 1\n, z = 2\n return x + y + z }'],
    ["(x) => x /* ' */ // ` }\n + 0x1f + 1_000n + .5e3 + 1..x + '\\n\\''"],
    ['(x) => { switch (x) { case 1: { let y = x; return y; } default: return x; } }'],
    ['(items) => items.map(async (x) => x)'],
  ])('%s', (text) => {
    expect(freeOf(text)).toEqual([]);
  });
});

describe('names that may be free', () => {
  it.each([
    ['() => y', 'y'],
    ['(x) => Math.max(x)', 'Math'],
    ['() => { { let y = 1; } return y; }', 'y'],
    ['() => { for (let y = 0; y < 3; y++) {} return y; }', 'y'],
    ['(f) => { for (const y of f) f(y); y; }', 'y'],
    ['(f) => { for (const y of f) f(y)\n y }', 'y'],
    ['(f) => { for (const y of f) return\n (y) }', 'y'],
    ['(f) => { for (const y of f) if (f) { y } y }', 'y'],
    ['(f) => { for (const y of f); y }', 'y'],
    ['(f) => { try { } catch (y) { } y }', 'y'],
    ['(f) => [(y) => y, y]', 'y'],
    ['(f) => f ? (y) => y : y', 'y'],
    ['(f) => { f = (y) => y; y }', 'y'],
    ['(f) => { f = (y) => {}\n (y) }', 'y'],
    ['(f) => { f = (z) => (y) => {}\n [y] }', 'y'],
    ['(f) => { const g = () => {}\n (f), y; y }', 'y'],
    ['(f) => { const g = f++\n (f), y; y }', 'y'],
    ['(f) => { const g = f\n f, y }', 'y'],
    ['(f) => { for (const k in f, y) f; }', 'y'],
    ['(f) => ({ y })', 'y'],
    ['(f) => ({ [y]: f })', 'y'],
    ['(f) => f[y]', 'y'],
    ['(f) => [...y]', 'y'],
    ['(f) => f ? y : f', 'y'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a function
    ['(f) => `${y}`', 'y'],
    ['(async) => { async (y); }', 'y'],
    ['(f) => { async (y); }', 'async'],
    ['() => { async\n(y) }', 'async'],
    ['(f) => { const { y: z } = f; return y; }', 'y'],
    ['(f) => ({ y(z) { return f; } })', 'z'],
    ['(f) => { for (x of f) f(x); }', 'of'],
  ])('%j', (text, name) => {
    expect(freeOf(text)).toContain(name);
  });
});

describe('what is left to the parser', () => {
  it.each([
    ['a method', 'fetch() { return 1; }'],
    ['an async method', 'async fetch() { return 1; }'],
    ['a getter', 'get fetch() { return 1; }'],
    ['a method called async', 'async(x) { return x; }'],
    ['a generator', 'function* f() { }'],
    ['a class', 'class A { }'],
    ['this', '() => this'],
    ['arguments', '() => arguments'],
    ['eval', '(x) => eval(x)'],
    ['new.target', '() => new.target'],
    ['import.meta', '() => import.meta.url'],
    ['a function inside', '() => { function f() {} }'],
    ['with', 'function (x) { with (x) { y } }'],
    ['delete of a name', 'function (x) { delete x; }'],
    ['a label or a case', '(x, y) => { switch (x) { case 1, y: } }'],
    ['a key that is an expression', '({ [x]: y }) => y'],
    ['a key that is an expression, later', '({ a, [x]: y }) => y'],
    ['a default value that is an expression', '(x = y) => x'],
    ['a default value that is an array', '({ a = [y] }) => a'],
    ['await as a name', '() => await (1)'],
    ['let as a name', '() => { x = let[a]; }'],
    ['let as a name before a line', '() => { let\nx }'],
    ['let as the last word', 'let => let'],
    ['a reserved word of strict code', '(static) => static'],
    ['an octal number', '() => 010'],
    ['an octal escape', "() => '\\01'"],
    ['the same parameter twice', 'function (a, a) { }'],
    ['a value in the head of for-in', 'function (o) { for (var a = 1 in o); }'],
    ['an HTML comment', '(x, y) => x <!-- y'],
    ['a name with an escape', '() => \\u0061'],
    ['a name beyond ASCII', '() => größe'],
    ['a private name', '(x) => #p in x'],
    ['a slash after a block', '(x) => { {} /x/g }'],
    ['a slash after a head', '(x) => { if (x) /y/g }'],
  ])('%s', (_what, text) => {
    expect(freeOf(text)).toBeUndefined();
  });
});

/** Every function, arrow function and method in the text of a file. */
function functionsIn(text: string): string[] {
  const found: string[] = [];
  const visit = (node: AnyNode) => {
    if (/^(ArrowFunction|Function)/.test(node.type)) found.push(text.slice(node.start, node.end));
    if (node.type === 'Property' || node.type === 'MethodDefinition') found.push(text.slice(node.start, node.end));
    for (const value of Object.values(node)) {
      for (const each of Array.isArray(value) ? value : [value]) if (typeof each?.type === 'string') visit(each);
    }
  };
  try {
    visit(parseFile(text));
  } catch {
    return []; // a file for another tool
  }
  return found;
}

function analysed(text: string) {
  for (const sourceType of ['module', 'script'] as const) {
    try {
      const node = parseExpression(` ${text}`, sourceType);
      if (node.type !== 'FunctionExpression' && node.type !== 'ArrowFunctionExpression') return undefined;
      const { references, outer } = analyse(node, sourceType === 'script');
      const free = references.filter(({ declared }) => !declared).map(({ name }) => name);
      return { async: node.async, generator: node.generator, strict: sourceType === 'module', free, outer: [...outer] };
    } catch {
      // In the other mode, then.
    }
  }
  return undefined;
}

it('never says less than the parser, whatever the function', () => {
  const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));
  const packages = [
    'acorn',
    'fast-check',
    'pure-rand',
    'chai',
    'magic-string',
    'node-gyp-build',
    'vite',
    'tinyrainbow',
  ];
  let seen = 0;
  let complete = 0;
  for (const name of packages) {
    for (const entry of readdirSync(join(modules, name), { recursive: true, encoding: 'utf8' })) {
      if (!/\.[cm]?js$/.test(entry)) continue;
      const text = readFileSync(join(modules, name, entry), 'utf8');
      if (text.length > 300_000) continue;
      for (const source of functionsIn(text)) {
        const found = glance(source);
        if (found === undefined) continue;
        seen++;
        const truth = analysed(source);
        const problem =
          truth === undefined ||
          truth.generator ||
          truth.async !== found.async ||
          truth.outer.length > 0 ||
          truth.free.some((free) => !found.free.has(free)) ||
          // An arrow function is sent as strict code; of the others the mode is known.
          (!truth.strict && !/^(async\s+)?function/.test(source));
        if (problem) expect.fail(`${entry}: ${source}`);
        if (found.free.size === 0) complete++;
      }
    }
  }
  expect(seen).toBeGreaterThan(1000);
  expect(complete).toBeGreaterThan(300);
}, 120_000);

describe('what a file may declare', () => {
  it.each([
    ['const x = Math.max(1, 2); new Math.Foo(); o.Math = 1; typeof Math; x === Math; f(Math(1)); MathX; xMath', false],
    ['const Math = 1;', true],
    ['const { Math } = o;', true],
    ["import { x as Math } from 'x';", true],
    ['function Math(x) {}', true],
    ['function /* ( */ Math(x) {}', true],
    ['function*\nMath(x) {}', true],
    ['(Math) => 1', true],
    ['(...Math) => 1', true],
    ['let Math\n.5.toString()', true],
    ['const M\\u0061th = 1;', true],
  ])('%s', async (code, may) => {
    const folder = await mkdtemp(join(tmpdir(), 'manycore-'));
    try {
      const file = join(folder, 'file.mjs');
      writeFileSync(file, `${code}\n() => 'here'`);
      expect(Place.find(pathToFileURL(file).href, "() => 'here'")?.mayDeclare('Math')).toBe(may);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
