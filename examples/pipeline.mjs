// A pipeline over a source without end: read lazily → many workers → fold in order, in constant memory.
// `imap` pulls from the source only as many items ahead as its buffer holds, however slow the end of the pipeline is.
// Usage: node pipeline.mjs [how many items to fold before stopping, 20000 if not given]
import { Pool } from 'manycore';

const items = Number(process.argv[2] ?? 20_000);
const bufferSize = 64;
let read = 0;

/** Lines as they might come from a socket, one after the other, for ever. */
async function* lines() {
  for (;;) yield `line ${++read}: ${'lorem ipsum '.repeat(read % 7)}`;
}

/** Runs in the workers: the number of the line, and how many words follow it. */
const parse = (line) => {
  const [, number, ...words] = line.match(/\w+/g);
  return { number: Number(number), words: words.length };
};

const pool = new Pool();
let folded = 0;
let words = 0;
let ahead = 0;
for await (const line of pool.imap(parse, lines(), { bufferSize })) {
  if (line.number !== ++folded) throw new Error(`line ${line.number} came out of turn`);
  words += line.words;
  ahead = Math.max(ahead, read - folded);
  if (folded === items) break;
}
console.log(`${folded} lines in order, ${words} words, the source at most ${ahead} lines ahead`);
await pool.terminate();
