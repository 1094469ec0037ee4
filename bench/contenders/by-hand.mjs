/**
 * `map` for a pool that has none: chunks cut by hand, one call each, results joined in order. `join` turns the list of
 * chunks into one array: `concat` is the fastest way, `flat` the usual one.
 */
export async function mapByHand(pool, name, items, chunks, join = concat) {
  if (chunks === 0) return Promise.all(Array.from(items, (item) => pool.call(name, item)));
  const size = Math.ceil(items.length / chunks);
  const calls = [];
  for (let at = 0; at < items.length; at += size) calls.push(pool.call(`${name}Chunk`, items.slice(at, at + size)));
  return join(await Promise.all(calls));
}

const concat = (parts) => [].concat(...parts);
export const flat = (parts) => parts.flat();
