// A producer and a consumer, each in a worker, with a queue between them; null marks the end.
import { Pool, Queue } from 'manycore';

const queue = new Queue({ maxSize: 8 });

/** Runs in a worker. */
const produce = (queue, items) => {
  for (let i = 1; i <= items; i++) queue.putSync({ number: i, square: i * i });
  queue.putSync(null);
};

/** Runs in another. */
const consume = (queue) => {
  let [items, sum] = [0, 0];
  for (let item = queue.getSync(); item !== null; item = queue.getSync()) {
    items += 1;
    sum += item.square;
  }
  return { items, sum };
};

const pool = new Pool(2);
const [, { items, sum }] = await Promise.all([pool.apply(produce, [queue, 1000]), pool.apply(consume, [queue])]);
console.log(`${items} items, sum of squares ${sum}`);
await pool.terminate();
