import { JoinableQueue, Queue } from 'manycore';
import { describe, expect, test } from 'vitest';
import { addon } from '../helpers.js';
import { type End, surviveQueue } from '../queue-kills.js';

const KILLS = 20;
/** The most numbers that one victim can have with it: on their way in, or taken at once. */
const WITH_ONE = 8;

const PUTS = ['putSync', 'putManySync', 'put'];
const GETS = ['getSync', 'getManySync', 'get'];
const JOINS = ['joinSync', 'join'];

describe('a worker that is ended inside a queue leaves it to the others', () => {
  const cases: [string, () => Queue<unknown>, string[], End][] = [
    ['putting, by a time limit', () => new Queue(4), PUTS, 'timeout'],
    ['taking, by a time limit', () => new Queue(4), GETS, 'timeout'],
    ['putting into any room, by a time limit', () => new Queue(), PUTS, 'timeout'],
    ['taking and counting, by a time limit', () => new JoinableQueue(4), GETS, 'timeout'],
    ['joining, by a time limit', () => new JoinableQueue(4), JOINS, 'timeout'],
    ['putting and taking, by terminate', () => new Queue(4), [...PUTS, ...GETS], 'terminate'],
    ['taking, by its own exit', () => new JoinableQueue(4), GETS, 'exit'],
  ];

  test.each(cases)('%s', { timeout: 120_000 }, async (_, make, victims, how) => {
    // What every program has once is there before it is counted.
    await surviveQueue(1, new Queue(4), ['get'], 'timeout');
    const before = [addon.objectCount(), addon.blocksInUse()];
    const queue = make();
    const account = await surviveQueue(KILLS, queue, victims, how);
    expect(account.twice).toBe(0);
    // What is missing was with a victim: nobody else loses anything.
    expect(account.missing).toBeLessThanOrEqual(KILLS * WITH_ONE);
    if (queue instanceof JoinableQueue) expect(account.missing).toBeLessThanOrEqual(queue.lost);
    if (victims === JOINS) expect(account.missing).toBe(0);
    expect(account.seen).toBeGreaterThan(0);
    // What is left is the one queue, which is empty: its object and one chunk of its chain.
    expect(addon.objectCount() - (before[0] ?? 0)).toBeLessThanOrEqual(1);
    expect(addon.blocksInUse() - (before[1] ?? 0)).toBeLessThan(16 << 10);
  });
});
