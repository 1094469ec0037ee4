// One contender in one shape, in a process of its own: nobody's heap, compiled code or idle threads weigh on another.
// The parent sends { op: 'setup' | 'round' | 'end' } and gets { value } or { error } for each.

import { contender } from './contenders/index.mjs';
import { shape } from './shapes/index.mjs';

const [shapeName, contenderName] = process.argv.slice(2);
const Contender = await contender(contenderName);
const pool = new Contender();
const work = await shape(shapeName);
let params;
let state;

const operations = {
  async setup(given) {
    params = given;
    if (Contender.external) return pool.load(shapeName, params);
    if (work.fresh) return {};
    state = await work.setup(pool, params);
    return state.info ?? {};
  },
  round: () => (Contender.external ? pool.round() : work.round(pool, params, state)),
  async end() {
    if (Contender.external) await pool.stop();
  },
};

process.on('message', async ({ op, data }) => {
  try {
    process.send({ value: await operations[op](data) });
  } catch (error) {
    process.send({ error: error?.stack ?? String(error) });
  }
});
process.on('disconnect', () => process.exit());
process.send({ value: 'up' });
