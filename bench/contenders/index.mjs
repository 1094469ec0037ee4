// The contenders by name. A contender is a class:
//
//   static group       'manycore' | 'peer' | 'baseline'
//   static settings    the settings worth trying; the first is the default, a tuned shape takes the fastest
//   static processSettings   the same for a pool of child processes, where the library has one
//   load()             imports the library
//   start(workers, s)  makes a pool of that many workers with one of `settings`
//   call(name, arg)    runs one function of work.cjs in a worker: a promise of its result
//   map(name, items, chunks, join)   runs it over all items: by the library's own `map` if it has one, otherwise in
//                      `chunks` chunks cut and joined by hand (0: one call per item)
//   move(how, count)   moves values from one worker to another one: a promise of their sum (see lib/moving.mjs)
//   stop()             ends the pool by force
//
// One with `static external = true` times itself: it has load(shape, params), round() and stop() instead.

const files = {
  manycore: './manycore.mjs',
  piscina: './piscina.mjs',
  tinypool: './tinypool.mjs',
  workerpool: './workerpool.mjs',
  poolifier: './poolifier.mjs',
  synckit: './synckit.mjs',
  raw: './raw.mjs',
  channel: './channel.mjs',
  'bare-process': './bare-process.mjs',
  schedule: './schedule.mjs',
  loop: './loop.mjs',
  python: './python.mjs',
  'python-spawn': './python-spawn.mjs',
};

/** Every contender's name, manycore first. */
export const names = Object.keys(files);

/** The pools on npm that manycore is measured against. */
export const peers = ['piscina', 'tinypool', 'workerpool', 'poolifier'];

/** The class of a contender. */
export async function contender(name) {
  return (await import(files[name])).default;
}
