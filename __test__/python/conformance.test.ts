import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const page = readFileSync(join(folder, '../docs/conformance.md'), 'utf8');
const rows = [...page.matchAll(/^\| (\d+|B\d+) \|.*\| (.*) \|$/gm)].map(([, item = '', here = '']) => ({ item, here }));

/** Every test file, with the numbers that its titles start with. */
const titles = new Map<string, Set<string>>();
for (const part of ['python', 'pool', 'lifecycle', 'soak']) {
  const files = readdirSync(join(folder, part)).filter((name) => /\.(test|soak)\.ts$/.test(name));
  for (const file of files.filter((name) => name !== 'conformance.test.ts')) {
    const text = readFileSync(join(folder, part, file), 'utf8');
    titles.set(`${part}/${file}`, new Set([...text.matchAll(/[('"`](\d{3}|B\d+) \S/g)].map(([, item = '']) => item)));
  }
}

test('every item has a line', () => {
  const items = [
    ...Array.from({ length: 36 }, (_, n) => String(105 + n)),
    ...Array.from({ length: 54 }, (_, n) => `B${n + 1}`),
  ];
  expect(rows.map((row) => row.item).filter((item) => item !== '179')).toEqual(items);
});

test('every line names files whose tests start with its number, or says why it does not apply', () => {
  for (const { item, here } of rows) {
    const files = [...here.matchAll(/`((?:python|pool|lifecycle|soak)\/[\w.-]+)`/g)].map(([, file = '']) => file);
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
