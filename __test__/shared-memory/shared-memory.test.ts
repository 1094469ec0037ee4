import { constants } from 'node:buffer';
import { Worker } from 'node:worker_threads';
import { StateError } from 'manycore';
import { SharedMemory } from 'manycore/shared-memory';
import { describe, expect, test } from 'vitest';
import { collectGarbage, runScript, thrown } from '../helpers.js';
import { isThere, makeBlock, mappings, newName } from '../named.js';

describe('arguments', () => {
  const refused: [what: string, make: () => unknown, kind: unknown, text: string][] = [
    ['no options', () => SharedMemory.create(undefined as never), TypeError, '`options`'],
    ['no size', () => SharedMemory.create({} as never), TypeError, '`size`'],
    ['a size in words', () => SharedMemory.create({ size: '64' as never }), TypeError, '`size`'],
    ['a broken size', () => SharedMemory.create({ size: 1.5 }), RangeError, '`size`'],
    ['a size that no buffer has', () => SharedMemory.create({ size: constants.MAX_LENGTH + 1 }), RangeError, '`size`'],
    ['a number as a name', () => SharedMemory.create({ size: 1, name: 7 as never }), TypeError, '`name`'],
    ['an empty name', () => SharedMemory.create({ size: 1, name: '' }), RangeError, '`name`'],
    ['the name of a folder', () => SharedMemory.create({ size: 1, name: '..' }), RangeError, '`name`'],
    ['a path', () => SharedMemory.attach('a/b'), RangeError, '`name`'],
    ['a name that is too long', () => SharedMemory.attach('ä'.repeat(128)), RangeError, '`name`'],
    ['a lone surrogate', () => SharedMemory.attach('\ud800'), RangeError, '`name`'],
    ['a misspelt option', () => SharedMemory.create({ size: 1, nam: 'x' } as never), TypeError, '`name`?'],
    ['a size to attach', () => SharedMemory.attach('x', { size: 1 } as never), TypeError, '`size`'],
    ['track in words', () => SharedMemory.attach('x', { track: 'no' as never }), TypeError, '`track`'],
  ];
  test.each(refused)('%s', (_, make, kind, text) => {
    const error = thrown(make);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(text);
  });

  test('the constructor names what to use', () => {
    const Class = SharedMemory as unknown as new () => SharedMemory;
    expect(thrown(() => new Class()).message).toContain('SharedMemory.create');
    expect(SharedMemory.name).toBe('SharedMemory');
  });

  test('memory that cannot be had is an error of the system, and leaves nothing', () => {
    const name = newName();
    // More than any machine has; less than the largest buffer only where buffers can be so large.
    const error = thrown(() => SharedMemory.create({ name, size: 2 ** 50 }));
    expect(error instanceof RangeError || error.code === 'ENOMEM' || error.code === 'ENOSPC').toBe(true);
    expect(isThere(name)).toBe(false);
  });
});

describe('the buffer', () => {
  test('it has exactly the bytes that were asked for, all zero', () => {
    const shm = makeBlock({ size: 5001 });
    expect(shm.buffer).toBeInstanceOf(ArrayBuffer);
    expect(shm.buffer.byteLength).toBe(5001);
    expect(new Uint8Array(shm.buffer).every((byte) => byte === 0)).toBe(true);
    expect(shm.buffer).toBe(shm.buffer);
  });

  test('close detaches it and unmaps the block at once', () => {
    const shm = makeBlock();
    const view = new Float64Array(shm.buffer);
    expect(mappings(shm.name)).toBe(1);
    shm.close();
    expect(mappings(shm.name)).toBe(0);
    expect(view.length).toBe(0);
    const error = thrown(() => shm.buffer);
    expect(error).toBeInstanceOf(StateError);
    expect(error.message).toContain(shm.name);
    shm.close();
    expect(shm.size).toBe(512);
    shm.unlink();
  });

  test('a block of a `using` declaration is closed at its end', () => {
    const shm = makeBlock();
    shm[Symbol.dispose]();
    expect(thrown(() => shm.buffer)).toBeInstanceOf(StateError);
  });

  test('one that was moved elsewhere has nothing of the block after close', (context) => {
    const shm = makeBlock();
    const bytes = new Uint8Array(shm.buffer);
    bytes[0] = 7;
    const { transfer } = ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer };
    if (transfer === undefined) return context.skip('this Node cannot move buffers');
    const moved = new Uint8Array(transfer.call(shm.buffer));
    expect(moved[0]).toBe(7);
    shm.close();
    moved[1] = 8;
    const other = SharedMemory.attach(shm.name);
    expect([...new Uint8Array(other.buffer, 0, 2)]).toEqual([7, 0]);
  });

  test('what nobody can reach is unmapped, closed or not', async () => {
    const { name } = makeBlock();
    const before = mappings(name);
    const attach = (): void => {
      for (let i = 0; i < 20; i += 1) new Uint8Array(SharedMemory.attach(name).buffer)[i] = i;
    };
    attach();
    while (mappings(name) > before) await collectGarbage();
    expect(isThere(name)).toBe(true);
  });

  test('a view keeps the block mapped, without the object that it came from', async () => {
    const { name } = makeBlock();
    const before = mappings(name);
    const view = (() => new Uint8Array(SharedMemory.attach(name).buffer))();
    for (let i = 0; i < 5; i += 1) await collectGarbage();
    expect(mappings(name)).toBe(before + 1);
    view[0] = 5;
    expect(new Uint8Array(SharedMemory.attach(name).buffer)[0]).toBe(5);
  });

  test('unlink leaves it usable', () => {
    const shm = makeBlock();
    const other = SharedMemory.attach(shm.name);
    shm.unlink();
    new Uint8Array(shm.buffer)[0] = 3;
    expect(new Uint8Array(other.buffer)[0]).toBe(3);
  });

  test("closing it while a thread of Node's own reads it crashes nothing", async () => {
    expect(await runScript('named-in-use.mjs')).toEqual({ code: 0, signal: null, stdout: 'true true\n', stderr: '' });
  });

  test('more blocks than a process may map can be used without a turn of the event loop', () => {
    const { name } = makeBlock();
    for (let i = 0; i < 70_000; i += 1) SharedMemory.attach(name, { track: false }).close();
  });
});

describe('workers', () => {
  test('what a worker has mapped is unmapped when it ends', async () => {
    const { name } = makeBlock();
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       import('manycore/shared-memory').then(({ SharedMemory }) => {
         globalThis.held = [1, 2, 3].map(() => SharedMemory.attach(workerData, { track: false }));
         parentPort.postMessage('ready');
         setInterval(() => {}, 1000);
       });`,
      { eval: true, workerData: name },
    );
    const before = mappings(name);
    await new Promise((resolve) => worker.once('message', resolve));
    expect(mappings(name)).toBe(before + 3);
    await worker.terminate();
    expect(mappings(name)).toBe(before);
  });

  test('ending workers that map, close and drop blocks harms nobody', async () => {
    expect(await runScript('named-churn.mjs')).toEqual({ code: 0, signal: null, stdout: 'true\n', stderr: '' });
  });
});
