// How long shared values and arrays take, beside bare Atomics and plain typed arrays in the same run, and a locked
// increment beside Python's. Run after `npm run build`: node bench/micro/values.mjs
import { spawnSync } from 'node:child_process';
import { Lock, SharedArray, Value } from '../../dist/bundle/index.js';

const ROUNDS = 9;

/** Nanoseconds per step of each of these, which run by turns: the best of some rounds. */
function compare(steps, runs) {
  const best = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, run] of runs.entries()) {
      const start = process.hrtime.bigint();
      run(steps);
      const ns = Number(process.hrtime.bigint() - start) / steps;
      if (round > 0) best[i] = Math.min(best[i], ns);
    }
  }
  return best;
}

function report(what, ns, base, baseNs) {
  const ratio = `${(ns / baseNs).toFixed(2)} ×`;
  console.log(
    `${what.padEnd(44)} ${ns.toFixed(1).padStart(8)} ns ${ratio.padStart(8)} of ${base} (${baseNs.toFixed(1)} ns)`,
  );
}

const atomic = new Int32Array(new SharedArrayBuffer(4));
const value = new Value('i');
const [bare, added] = compare(2e6, [
  (n) => {
    for (let i = 0; i < n; i++) Atomics.add(atomic, 0, 1);
  },
  (n) => {
    for (let i = 0; i < n; i++) value.add(1);
  },
]);
report("value.add(1), 'i'", added, 'Atomics.add', bare);

const wide = new BigInt64Array(new SharedArrayBuffer(8));
const big = new Value('q');
const [bareBig, addedBig] = compare(1e6, [
  (n) => {
    for (let i = 0; i < n; i++) Atomics.add(wide, 0, 1n);
  },
  (n) => {
    for (let i = 0; i < n; i++) big.add(1n);
  },
]);
report("value.add(1n), 'q'", addedBig, 'Atomics.add', bareBig);

const double = new Value('d');
const [addedDouble] = compare(1e6, [
  (n) => {
    for (let i = 0; i < n; i++) double.add(1);
  },
]);
report("value.add(1), 'd'", addedDouble, 'Atomics.add', bare);

const [loaded, read, readDouble] = compare(2e6, [
  (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Atomics.load(atomic, 0);
    return sum;
  },
  (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += value.value;
    return sum;
  },
  (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += double.value;
    return sum;
  },
]);
report("value.value, 'i'", read, 'Atomics.load', loaded);
report("value.value, 'd'", readDouble, 'Atomics.load', loaded);

// A loop for each array, so that each is compiled for one class, as in a program that uses one.
const LENGTH = 10_000;
const loop = () =>
  new Function(
    'a',
    'n',
    `
  let sum = 0;
  for (let r = 0; r < n; r += a.length) for (let i = 0; i < a.length; i++) { a[i] += 1; sum += a[i]; }
  return sum;`,
  );
for (const code of ['i', 'd']) {
  const shared = new SharedArray(code, LENGTH);
  const plain = code === 'i' ? new Int32Array(LENGTH) : new Float64Array(LENGTH);
  const [onPlain, onShared] = [loop(), loop()];
  const [plainNs, sharedNs] = compare(2e6, [(n) => onPlain(plain, n), (n) => onShared(shared, n)]);
  report(`array[i] += 1; sum += array[i], '${code}'`, sharedNs, 'a plain typed array', plainNs);
}

const PYTHON = `
import multiprocessing, time
v = multiprocessing.Value('i')
best = 1e9
for _ in range(5):
    start = time.perf_counter_ns()
    for _ in range(100000):
        with v.get_lock():
            v.value += 1
    best = min(best, (time.perf_counter_ns() - start) / 100000)
print(best)
`;
const counter = new Value('i');
const plainLock = new Lock();
const [locked, byHand, lockOnly] = compare(1e6, [
  (n) => {
    for (let i = 0; i < n; i++) counter.withLockSync(() => counter.value++);
  },
  (n) => {
    for (let i = 0; i < n; i++) {
      counter.acquireSync();
      counter.value++;
      counter.release();
    }
  },
  (n) => {
    for (let i = 0; i < n; i++) {
      plainLock.acquireSync();
      plainLock.release();
    }
  },
]);
const python = spawnSync('python3', ['-c', PYTHON], { encoding: 'utf8' });
const pythonNs = python.status === 0 ? Number(python.stdout) : Number.NaN;
report('v.withLockSync(() => v.value++)', locked, "Python's", pythonNs);
report('v.acquireSync(); v.value++; v.release()', byHand, "Python's", pythonNs);
report('Lock: acquireSync(); release()', lockOnly, 'Atomics.add', bare);

const [made] = compare(2e4, [
  (n) => {
    for (let i = 0; i < n; i++) new Value('i');
  },
]);
report("new Value('i'), not yet collected", made, 'Atomics.add', bare);
