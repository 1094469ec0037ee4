import { JoinableQueue, Queue } from 'manycore';
import { expect, test } from 'vitest';
import { addon } from '../helpers.js';
import { type End, surviveQueue } from '../queue-kills.js';

const KILLS = 500;
/** The most numbers that one victim can have with it. */
const WITH_ONE = 8;
const PUTS = ['putSync', 'putManySync', 'put'];
const GETS = ['getSync', 'getManySync', 'get'];

const cases: [string, () => Queue<unknown>, string[], End][] = [
  ['putting, by a time limit', () => new Queue(4), PUTS, 'timeout'],
  ['taking, by a time limit', () => new JoinableQueue(4), GETS, 'timeout'],
  ['joining, by a time limit', () => new JoinableQueue(4), ['joinSync', 'join'], 'timeout'],
  ['putting and taking, by terminate', () => new Queue(4), [...PUTS, ...GETS], 'terminate'],
  ['taking, by its own exit', () => new JoinableQueue(4), GETS, 'exit'],
];

test.for(cases)(
  'a queue survives 500 workers that are ended inside it: %s',
  async ([, make, victims, how], { task }) => {
    await surviveQueue(1, new Queue(4), ['get'], 'timeout');
    const before = [addon.objectCount(), addon.blocksInUse()];
    const queue = make();
    const account = await surviveQueue(KILLS, queue, victims, how);
    task.meta.figures = { ...account };
    expect(account.twice).toBe(0);
    expect(account.missing).toBeLessThanOrEqual(KILLS * WITH_ONE);
    if (queue instanceof JoinableQueue) expect(account.missing).toBeLessThanOrEqual(queue.lost);
    expect(addon.objectCount() - (before[0] ?? 0)).toBeLessThanOrEqual(1);
    expect(addon.blocksInUse() - (before[1] ?? 0)).toBeLessThan(16 << 10);
  },
);
