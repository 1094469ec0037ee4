import { readdirSync, readlinkSync } from 'node:fs';
import { Event, Lock, type Process, Queue, Value } from 'manycore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { addon, collected, failure, ref, sleep, until, watch } from '../helpers.js';
import { makerOf, methods } from '../process/helpers.js';

/** What is seen of a process's end; each of it must come once. */
function witness(child: Process): { ended(): Promise<void>; counts(): number[] } {
  const seen = [watch(child.exited), watch(child.result), watch(child.join())];
  return {
    ended: () => until(() => seen.every(({ settled }) => settled > 0)),
    counts: () => seen.map(({ settled }) => settled),
  };
}

const threads = (): number => readdirSync('/proc/self/task').length;

/**
 * Descriptors in use. Not those of modules: Node reads them in the background, and leaves a file open if the thread that
 * imports it is terminated meanwhile, also one that has nothing to do with this package.
 */
const open = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return !/\.m?js$/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;

describe.each(methods)("by '%s'", (method) => {
  const { start } = makerOf(method);

  describe('every end settles join, result and exited once', () => {
    const ways: Array<[string, () => unknown, number]> = [
      ['returns', () => 1, 0],
      ['throws', () => Promise.reject(new Error('x')), 1],
      ['throws undefined', () => Promise.reject(undefined), 1],
      ['exits in its function', () => process.exit(3), 3],
      ['exits later', () => setTimeout(() => process.exit(4)) && undefined, 4],
      ['exits with 0 before it returns', () => process.exit(0), 0],
      [
        'throws later',
        () => {
          setTimeout(() => {
            throw new Error('x');
          });
        },
        1,
      ],
      ['has an unhandled rejection', () => void Promise.reject(new Error('x')), 1],
      ['waits for ever for nothing', () => new Promise(() => {}), 0],
      [
        'throws in an exit hook',
        () => {
          process.on('exit', () => {
            throw new Error('x');
          });
          process.exit(0);
        },
        1,
      ],
    ];

    test.each(ways)('%s', async (_name, target, code) => {
      const child = start({ target });
      const seen = witness(child);
      await seen.ended();
      expect(await child.exited).toBe(code);
      child.terminate();
      child.joinSync();
      await sleep(5);
      expect(seen.counts()).toEqual([1, 1, 1]);
    });

    test.each(ways)('%s, while the parent is blocked', async (_name, target, code) => {
      const child = start({ target });
      const seen = witness(child);
      child.joinSync();
      expect(child.exitCode).toBe(code);
      await seen.ended();
      await sleep(5);
      expect(seen.counts()).toEqual([1, 1, 1]);
    });
  });

  describe('terminate', () => {
    const states: Array<[string, (ready: Value<'i'>, lock: Lock, queue: Queue, event: Event) => unknown]> = [
      [
        'in a busy loop',
        (ready) => {
          ready.value = 1;
          for (;;);
        },
      ],
      [
        'idle in its event loop',
        (ready) => {
          ready.value = 1;
          return new Promise(() => setInterval(() => {}, 1000));
        },
      ],
      [
        'blocked for a lock',
        (ready, lock) => {
          ready.value = 1;
          lock.acquireSync();
        },
      ],
      [
        'blocked for a queue',
        (ready, _lock, queue) => {
          ready.value = 1;
          queue.getSync();
        },
      ],
      [
        'blocked for an event',
        (ready, _lock, _queue, event) => {
          ready.value = 1;
          event.waitSync();
        },
      ],
      [
        'while it prints',
        (ready) => {
          ready.value = 1;
          for (;;) process.stdout.write('');
        },
      ],
      [
        'after its result, with something left to do',
        (ready) => {
          ready.value = 1;
          setInterval(() => {}, 1000);
        },
      ],
    ];

    test.each(states)('%s', async (_name, target) => {
      const [ready, lock, queue, event] = [new Value('i', 0), new Lock(), new Queue(), new Event()];
      lock.acquireSync();
      onTestFinished(() => lock.release());
      for (const block of [false, true]) {
        ready.value = 0;
        const child = start({ target, args: [ready, lock, queue, event] });
        const seen = witness(child);
        await until(() => ready.value === 1);
        child.terminate();
        if (block) child.joinSync();
        await seen.ended();
        expect(child.exitCode).toBe(-15);
        expect(seen.counts()).toEqual([1, 1, 1]);
      }
    });

    test('at random moments of the start: each is settled once, and nothing is left', async () => {
      const lock = new Lock();
      const round = async (): Promise<void> => {
        const children = Array.from({ length: 8 }, () => {
          const child = start({ target: ref('processes.mjs', 'double'), args: [21, lock] });
          return { child, seen: witness(child), result: failure(() => child.result).catch(() => undefined) };
        });
        for (const { child } of children) {
          await sleep(Math.random() * 15);
          child.terminate();
        }
        for (const { child, seen, result } of children) {
          await seen.ended();
          await result;
          expect([0, -15]).toContain(child.exitCode);
          expect(seen.counts()).toEqual([1, 1, 1]);
          child.close();
        }
      };
      await round();
      const before = { objects: addon.objectCount(), blocks: addon.blocksInUse(), threads: threads(), open: open() };
      for (let i = 0; i < 4; i++) await round();
      await collected(() => addon.objectCount() <= before.objects);
      await collected(() => addon.blocksInUse() <= before.blocks);
      await until(() => threads() <= before.threads);
      await until(() => open() <= before.open);
    });
  });

  test('a child that was started, and its blocked parent, find each other', () => {
    const queue = new Queue<number>();
    const child = start({ target: (queue: Queue<number>) => queue.putSync(queue.getSync() + 1), args: [queue] });
    queue.putSync(1);
    child.joinSync();
    expect(queue.getSync()).toBe(2);
  });

  test('a blocked parent waits for what a child that starts will bring', () => {
    const queue = new Queue<number>();
    start({ target: (queue: Queue<number>) => queue.putSync(5), args: [queue] });
    expect(queue.getSync()).toBe(5);
  });

  test('a blocked child joins its own child', async () => {
    expect(await start({ target: ref('processes.mjs', 'joinsBlocked') }).result).toEqual([0, 42]);
  });
});
