// How long the codec takes, beside v8.serialize in the same run. Run after `npm run build`: node bench/micro/codec.mjs
import v8 from 'node:v8';
import { Decoder, Encoder } from '../../dist/internal/codec/index.js';

const hooks = {
  attach() {
    throw new TypeError('nothing is attached here');
  },
  attached() {},
  define() {
    throw new TypeError('no functions here');
  },
  load() {},
};
const encoder = new Encoder(hooks);
const decoder = new Decoder(hooks);
const u8 = Buffer.allocUnsafeSlow(1 << 24);
const target = { u8, dv: new DataView(u8.buffer) };
const ROUNDS = 7;

/** The best of some rounds, in nanoseconds per call. */
function time(calls, run) {
  run(calls);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    run(calls);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls);
  }
  return best;
}

const small = (i) => ({ id: i, name: `user${i % 100}`, score: i + 0.5, tags: ['a', 'b'] });
const nested = {
  user: { id: 7, address: { city: 'Zürich', zip: 8001 } },
  items: [1, 2, 3].map(small),
  ok: true,
  at: null,
};
const cases = {
  'a small integer': 17,
  'a double': 25.5,
  'a short string': 'user17',
  'a string of 40 units': `${'x'.repeat(39)}y`,
  'a small object': small(17),
  'a nested object': nested,
  'an array of 3 numbers': [1, 2, 3],
  '1,000 doubles': Array.from({ length: 1000 }, (_, i) => i + 0.5),
  '1,000 integers': Array.from({ length: 1000 }, (_, i) => i * 1000),
  '1,000 strings': Array.from({ length: 1000 }, (_, i) => `item ${i}`),
  'a Map of 10': new Map(Array.from({ length: 10 }, (_, i) => [`k${i}`, i])),
  'a dictionary of 100': Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i * 7919}`, i])),
  'a Date': new Date(),
  'an Error': new TypeError('no'),
  'a Buffer of 100 bytes': Buffer.alloc(100),
  'a Float64Array of 100': new Float64Array(100),
  'a Buffer of 1 MiB': Buffer.alloc(1 << 20),
};

let sink;
console.log(`node ${process.version}, ${process.arch}`);
console.log(
  'ns per call'.padEnd(26),
  'encode'.padStart(9),
  'decode'.padStart(9),
  'v8 ser.'.padStart(9),
  'v8 des.'.padStart(9),
  'bytes'.padStart(9),
);
for (const [name, value] of Object.entries(cases)) {
  let end = 0;
  for (let i = 0; i < 3; i++) end = encoder.encodeOne(target, 0, u8.length, value);
  const bytes = v8.serialize(value);
  const calls = Math.max(50, Math.min(500_000, Math.round(2e8 / (end * 20 + 2000))));
  const figures = [
    time(calls, (n) => {
      for (let i = 0; i < n; i++) encoder.encodeOne(target, 0, u8.length, value);
    }),
    time(calls, (n) => {
      for (let i = 0; i < n; i++) sink = decoder.decodeOne(target, 0, end);
    }),
    time(Math.ceil(calls / 10), (n) => {
      for (let i = 0; i < n; i++) sink = v8.serialize(value);
    }),
    time(Math.ceil(calls / 10), (n) => {
      for (let i = 0; i < n; i++) sink = v8.deserialize(bytes);
    }),
  ];
  console.log(name.padEnd(26), ...figures.map((x) => x.toFixed(x < 100 ? 1 : 0).padStart(9)), String(end).padStart(9));
}

const COUNT = 100_000;
const PAGE = 64;
const many = Array.from({ length: COUNT }, (_, i) => small(i));
const ends = [];
const encodeTime = time(1, () => {
  ends.length = 0;
  let pos = 0;
  for (let lo = 0; lo < COUNT; lo += PAGE) {
    pos = encoder.encode(target, pos, u8.length, many, lo, Math.min(COUNT, lo + PAGE), true);
    ends.push(pos);
  }
});
const decodeTime = time(1, () => {
  let pos = 0;
  for (const end of ends) {
    sink = decoder.decode(target, pos, end);
    pos = end;
  }
});
// What is kept is work for the garbage collector, and most of what a caller pays for many small results.
const keepTime = time(1, () => {
  const all = [];
  let pos = 0;
  for (const end of ends) {
    all.push(...decoder.decode(target, pos, end));
    pos = end;
  }
  sink = all;
});
let serialized;
const v8Encode = time(1, () => {
  serialized = [];
  for (let lo = 0; lo < COUNT; lo += PAGE) serialized.push(v8.serialize(many.slice(lo, lo + PAGE)));
});
const v8Decode = time(1, () => {
  for (const bytes of serialized) sink = v8.deserialize(bytes);
});
const ms = (ns) => `${(ns / 1e6).toFixed(1)} ms`;
console.log(
  `\n${COUNT} small objects in pages of ${PAGE}: encode ${ms(encodeTime)}, decode ${ms(decodeTime)}, decode and keep ${ms(keepTime)}; v8 ${ms(v8Encode)}, ${ms(v8Decode)}`,
);
if (sink === undefined) process.exitCode = 1;
