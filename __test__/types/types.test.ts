import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const compiler = join(here, '../../node_modules/typescript/bin/tsc');

test('map infers its result, starmap the tuples of its arguments, tasks<> the exports of a module', async () => {
  expect(existsSync(compiler)).toBe(true);
  const { code, output } = await new Promise<{ code: unknown; output: string }>((done) => {
    execFile(process.execPath, [compiler, '-p', here, '--pretty', 'false'], (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, output: stdout + stderr }),
    );
  });
  expect(output).toBe('');
  expect(code).toBe(0);
}, 120_000);
