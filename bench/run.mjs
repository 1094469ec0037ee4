// The benchmark: manycore and its peers side by side on the same work. See README.md.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { names, peers } from './contenders/index.mjs';
import { calibrate } from './lib/busy.mjs';
import { entry } from './lib/entry.mjs';
import { machine, versions } from './lib/machine.mjs';
import { options } from './lib/options.mjs';
import { json, shapeData, shapeText } from './lib/report.mjs';
import { runShape } from './lib/rounds.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { shapes, only, rounds, quick, out, help } = readOptions();
if (help !== null) {
  console.log(help);
} else {
  checkBuild();
  installPeers();
  process.exitCode = (await run()) ? 0 : 1;
}

function readOptions() {
  try {
    return options(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

function checkBuild() {
  const wanted = only === null || only.includes('manycore');
  if (!wanted || existsSync(fileURLToPath(entry))) return;
  console.error('manycore is not built: run `npm run build` first, or name other contenders with --only');
  process.exit(2);
}

function installPeers() {
  if (existsSync(`${here}node_modules`)) return;
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit', shell: true });
  if (status !== 0) throw new Error('the peers could not be installed: `npm ci` in bench/ failed');
}

/** Runs the shapes; true if no contender failed. */
async function run() {
  const on = machine();
  const chosen = (only ?? names).filter((name) => on.python !== null || !name.startsWith('python'));
  const date = new Date().toISOString();
  console.log(
    `${on.cpu}, ${on.cores} cores, ${on.memoryGiB} GiB, ${on.os}, Node ${on.node}, ${on.python ?? 'no Python'}`,
  );
  const stepsPerMs = await calibrate(quick ? 15 : 51);
  console.log(
    `${date}, ${rounds} rounds; 1 ms of CPU is ${stepsPerMs} steps of the busy loop with two threads running`,
  );

  const from = performance.now();
  const results = {};
  for (const name of shapes) {
    const result = await runShape(name, { only: chosen, rounds, quick, machine: { stepsPerMs } });
    console.log(shapeText(name, result));
    results[name] = shapeData(result);
  }
  const seconds = Math.round((performance.now() - from) / 1000);
  console.log(`\n${seconds} s in all`);

  const packages = [...peers, 'synckit'];
  const data = { date, seconds, rounds, quick, stepsPerMs, machine: on, versions: versions(packages), shapes: results };
  if (out !== null) writeFileSync(out, json(data));
  return Object.values(results).every(({ failures }) => Object.keys(failures).length === 0);
}
