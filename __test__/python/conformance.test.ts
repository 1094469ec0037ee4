import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const page = readFileSync(join(folder, '../docs/conformance.md'), 'utf8');
const rows = [...page.matchAll(/^\| (\d+|B\d+) \|.*\| (.*) \|$/gm)].map(([, item = '', here = '']) => ({ item, here }));

/** The number that a title starts with. One of one digit could be any text: only that of a test counts. */
const NUMBERED = /[('"`](\d{2,3}(?= [A-Za-z`])|B\d+) \S|\btest\(\s*['"`](\d) \S/g;

/** Every test file, with the numbers that its titles start with. */
const titles = new Map<string, Set<string>>();
const parts = ['python', 'pool', 'lifecycle', 'soak', 'shared', 'sync', 'queues', 'process'];
for (const part of parts.filter((part) => existsSync(join(folder, part)))) {
  const files = readdirSync(join(folder, part)).filter((name) => /\.(test|soak)\.ts$/.test(name));
  for (const file of files.filter((name) => name !== 'conformance.test.ts')) {
    const text = readFileSync(join(folder, part, file), 'utf8');
    titles.set(
      `${part}/${file}`,
      new Set([...text.matchAll(NUMBERED)].map(([, item, single]) => item ?? single ?? '')),
    );
  }
}

const through = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test('every item has a line', () => {
  const items = [
    ...through(1, 47),
    ...through(84, 93),
    ...through(105, 140),
    ...through(144, 177),
    ...through(178, 188),
    ...[...through(1, 54), 61, 62].map((n) => `B${n}`),
  ].map(String);
  const listed = rows.map((row) => row.item);
  expect(listed).toEqual(expect.arrayContaining(items));
  expect(new Set(listed).size).toBe(listed.length);
});

test('every line names files whose tests start with its number, or says why it does not apply', () => {
  for (const { item, here } of rows) {
    const files = [...here.matchAll(/`(\w+\/[\w-]+\.(?:test|soak)\.ts)`/g)].map(([, file = '']) => file);
    if (files.length === 0) expect(here, item).toMatch(/^does not apply.{20}/);
    for (const file of files) expect(titles.get(file)?.has(item), `${item} in ${file}`).toBe(true);
  }
});

test('every numbered test is in the table', () => {
  for (const [file, items] of titles) {
    for (const item of items) {
      const row = rows.find((it) => it.item === item && it.here.includes(`\`${file}\``));
      expect(row, `${item} of ${file}`).toBeDefined();
    }
  }
});
