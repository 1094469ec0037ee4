// What the workers of word-count.mjs and demo.mjs do: a module of its own, so that they import nothing else.
import { readFileSync } from 'node:fs';

const keywords = new Set(
  `async await break case catch class const continue debugger default delete do else enum export extends false finally
   for from function if implements import in instanceof interface let new null of package private protected public
   return static super switch this throw true try type typeof undefined var void while with yield`.split(/\s+/),
);

/** Counts of every name in `names`, in the order they appear. */
function tally(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/**
 * Counts the words (runs of letters, whatever their case) and the identifiers (names that are no keywords) in the
 * files at `paths`, comments and strings included.
 */
export function countFiles(paths) {
  const text = paths.map((path) => readFileSync(path, 'utf8')).join('\n');
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const names = text.match(/[A-Za-z_$][\w$]*/g) ?? [];
  return { words: tally(words), identifiers: tally(names.filter((name) => !keywords.has(name))) };
}
