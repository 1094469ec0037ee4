import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Definition, SourceDefinition } from '../../ts/internal/functions/definition.js';
import { compileFunctions } from './compiled.js';

interface Answer {
  value?: unknown;
  name?: string;
  warnings?: string[];
  loading: boolean;
  error?: { name: string; message: string; stack: string; code?: string; cause?: string };
}

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url).href;
const caller = fileURLToPath(fixture('caller.mjs'));

let compiled: Awaited<ReturnType<typeof compileFunctions>>;
let worker: Worker;
let defined: Record<string, SourceDefinition & { refused?: string }>;

beforeAll(async () => {
  compiled = await compileFunctions();
  worker = new Worker(new URL(fixture('worker.mjs')), { workerData: { functions: compiled.url }, execArgv: [] });
  defined = JSON.parse(execFileSync(process.execPath, [caller, compiled.url], { encoding: 'utf8', env: {} }));
});

afterAll(async () => {
  await worker?.terminate();
  compiled?.remove();
});

function run(definition: Definition, ...args: unknown[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (answer: Answer) => {
      worker.off('error', reject);
      resolve(answer);
    });
    worker.postMessage({ definition, args });
  });
}

/** The line and column, from 1, of a text in the caller's file. */
function placeOf(text: string): string {
  const before = readFileSync(caller, 'utf8').split(text)[0] as string;
  const lines = before.split('\n');
  return `${lines.length}:${(lines.at(-1) as string).length + 1}`;
}

describe('a function defined in a file', () => {
  it('runs in a worker, and its stack shows its true line and column', async () => {
    expect(defined.located?.file).toMatch(/^file:.*caller\.mjs#\d+:-?\d+$/);
    expect((await run(defined.located as Definition, 1)).value).toBe(1);
    const { error } = await run(defined.located as Definition, 2);
    expect(error?.stack).toContain(`at located (${fixture('caller.mjs')}:${placeOf("new Error('located')")})`);
  });

  it('has true positions as a method, too', async () => {
    const { error } = await run(defined.method as Definition, 2);
    expect(error?.message).toBe('method 2');
    expect(error?.stack).toContain(`at method (${fixture('caller.mjs')}:${placeOf('new Error(`method')})`);
  });

  it('names the file and itself where its text is not unique', async () => {
    const { error } = await run(defined.twin as Definition, 2);
    expect(error?.stack).toContain(`at twin (${fixture('caller.mjs')}#twin:`);
  });

  it('imports relative to its file, and modules of Node, without a warning', async () => {
    const answer = await run(defined.imports as Definition);
    expect(answer.error).toBeUndefined();
    expect(answer.value).toBe(2);
    const again = await run(defined.imports as Definition);
    expect(again.warnings).toEqual([]);
  });

  it('is refused if a global that it uses is another one in its file', () => {
    expect(defined.sleeps?.refused).toMatch(
      /uses `setTimeout`.*Its file declares `setTimeout`, which is not the global/,
    );
    expect(defined.asks?.refused).toMatch(/uses `define`/);
    expect(defined.timer?.kind).toBe('source');
  });

  it('has no file if it comes from the command line', () => {
    const code = `import(${JSON.stringify(compiled.url)}).then((f) => console.log(f.define((x) => x).file === ''))`;
    const options = { encoding: 'utf8', env: {}, cwd: '/' } as const;
    expect(execFileSync(process.execPath, ['-e', code], options).trim()).toBe('true');
  });

  it('runs where code from strings is forbidden', () => {
    const code = `import(${JSON.stringify(compiled.url)}).then((f) => console.log(f.load(f.define((x) => x + 1))(1)))`;
    const flags = ['--disallow-code-generation-from-strings', '-e', code];
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8', env: {} }).trim()).toBe('2');
  });

  it('does not reach the names of its loader', async () => {
    const definition: Definition = { kind: 'source', source: '(() => typeof load)', name: 'x', file: '', async: false };
    expect((await run(definition)).value).toBe('undefined');
  });
});

describe('a reference to an export', () => {
  const module = (file: string, name: string): Definition => ({ kind: 'module', url: fixture(file), name });

  it.each([
    ['work.mjs', 'quadruple', 3, 12],
    ['work.mjs', 'later', 3, 4],
    ['work.mjs', 'default', 3, 2],
    ['work.cjs', 'triple', 3, 9],
    ['transpiled.cjs', 'half', 3, 1.5],
    ['transpiled.cjs', 'default', 3, 30],
  ])('%s %s', async (file, name, argument, result) => {
    const answer = await run(module(file, name), argument);
    expect(answer.error).toBeUndefined();
    expect(answer.value).toBe(result);
  });

  it('imports its module once', async () => {
    expect((await run(module('work.mjs', 'count'))).value).toBe(1);
    expect((await run(module('work.mjs', 'count'))).value).toBe(2);
  });

  it('can be told from running code while its module loads', async () => {
    const answer = await run(module('work.mjs', 'wasLoading'));
    expect(answer).toMatchObject({ value: true, loading: false });
  });

  it.each([
    ['work.mjs', 'quadrupel', /has no export `quadrupel`; did you mean `quadruple`\?.*`later`/],
    ['work.mjs', 'toString', /has no export `toString`/],
    ['work.cjs', 'missing', /has no export `missing`\. It exports .*`triple`/],
    ['empty.mjs', 'x', /has no export `x`; it exports nothing/],
    ['work.mjs', 'loadingAtTopLevel', /is a boolean, not a function/],
    ['work.cjs', 'nested', /is an object, not a function/],
  ])('%s has no function %s', async (file, name, message) => {
    const { error } = await run(module(file, name));
    expect(error?.name).toBe('TypeError');
    expect(error?.message).toMatch(message);
  });

  it('gives the error of a module that throws while it loads, each time', async () => {
    for (let i = 0; i < 2; i++) {
      const { error, loading } = await run(module('throws.mjs', 'fn'));
      expect(error).toMatchObject({ name: 'RangeError', message: 'broken at load' });
      expect(loading).toBe(false);
    }
  });

  it('gives the error of Node for a module that is not there', async () => {
    const { error } = await run(module('none.mjs', 'fn'));
    expect(error?.code).toBe('ERR_MODULE_NOT_FOUND');
  });

  it('runs TypeScript, or says how to', async () => {
    const answer = await run(module('typed.ts', 'f'), 4);
    if ((process.features as { typescript?: unknown }).typescript) {
      expect(answer.value).toBe(8);
    } else {
      expect(answer.error).toMatchObject({ name: 'TypeError', code: 'ERR_UNKNOWN_FILE_EXTENSION' });
      expect(answer.error?.message).toMatch(/22\.18.*execArgv: \['--import', '\.\/tsx\.mjs'\].*tsx\/esm\/api/);
    }
  });
});
