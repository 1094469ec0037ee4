'use strict';

// The functions that every contender runs. Each is self-contained, so that it may travel as source as well.
// `…Chunk` is the same work on a whole chunk, for contenders whose callers have to cut their input by hand.

const inc = (x) => x + 1;
const incChunk = (items) => items.map((x) => x + 1);

const change = (o) => ({ id: o.id, name: o.name.toUpperCase(), score: o.score * 2, tags: [o.tags[1], o.tags[0]] });
const changeChunk = (items) =>
  items.map((o) => ({ id: o.id, name: o.name.toUpperCase(), score: o.score * 2, tags: [o.tags[1], o.tags[0]] }));

/** Length, first and last item of a typed array: proof that it arrived, without reading it all. */
const ends = (array) => [array.length, array[0], array[array.length - 1]];

/** Keeps a core busy for `steps` steps of a pseudo-random generator, and returns where it ended. */
const busy = (steps) => {
  let x = 1;
  for (let i = 0; i < steps; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
};
const busyChunk = (list) =>
  list.map((steps) => {
    let x = 1;
    for (let i = 0; i < steps; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
    return x;
  });

/** Returns true once `parties` workers are inside at the same time. `seats` is an Int32Array over shared memory. */
const rendezvous = ({ seats, parties }) => {
  if (Atomics.add(seats, 0, 1) + 1 === parties) Atomics.notify(seats, 0);
  for (let seen = Atomics.load(seats, 0); seen < parties; seen = Atomics.load(seats, 0)) {
    if (Atomics.wait(seats, 0, seen, 20_000) === 'timed-out') return false;
  }
  return true;
};

/** Counts itself in `seats[0]`, then never returns. */
const forever = ({ seats }) => {
  Atomics.add(seats, 0, 1);
  for (;;) Atomics.load(seats, 0);
};

// A round trip: `…There` begins and waits for the answer, `…Back` waits and answers.
const spinThere = (count, words) => {
  for (let i = 1; i <= count; i++) {
    Atomics.store(words, 0, i);
    while (Atomics.load(words, 1) !== i);
  }
};
const spinBack = (ready, count, words) => {
  ready.set();
  for (let i = 1; i <= count; i++) {
    while (Atomics.load(words, 0) !== i);
    Atomics.store(words, 1, i);
  }
};
const eventThere = (count, there, back) => {
  for (let i = 0; i < count; i++) {
    there.set();
    back.waitSync();
    back.clear();
  }
};
const eventBack = (ready, count, there, back) => {
  ready.set();
  for (let i = 0; i < count; i++) {
    there.waitSync();
    there.clear();
    back.set();
  }
};

// One end of a queue each: what comes out of `take…` is the sum of what `put…` has put.
const putEach = (queue, count) => {
  for (let i = 0; i < count; i++) queue.putSync(i);
};
const takeEach = (queue, count) => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += queue.getSync();
  return sum;
};
const putMany = (queue, count) => {
  for (let i = 0; i < count; i += 1000) {
    queue.putManySync(Array.from({ length: Math.min(1000, count - i) }, (_, at) => i + at));
  }
};
const takeMany = (queue, count) => {
  let sum = 0;
  for (let left = count; left > 0; ) {
    const values = queue.getManySync(Math.min(left, 1000));
    for (const value of values) sum += value;
    left -= values.length;
  }
  return sum;
};
const putBuffers = (queue, count) => {
  const buffer = new Uint8Array(1 << 20).fill(7);
  for (let i = 0; i < count; i++) queue.putSync(buffer);
};
const takeBuffers = (queue, count) => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += queue.getSync()[0];
  return sum;
};
const queues = { putEach, takeEach, putMany, takeMany, putBuffers, takeBuffers };

module.exports = {
  spinThere,
  spinBack,
  eventThere,
  eventBack,
  ...queues,
  inc,
  incChunk,
  change,
  changeChunk,
  ends,
  busy,
  busyChunk,
  rendezvous,
  forever,
};
