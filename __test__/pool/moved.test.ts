import net from 'node:net';
import { SerializationError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, ref, threadsOnly } from '../helpers.js';

const movable = ref('transfer.mjs', 'makeMovable');
const failing = ref('transfer.mjs', 'failWithMovable');

/** Later versions of Node can move a connection to another thread. The others cannot send a Socket at all. */
const socketsMove = Object.getOwnPropertySymbols(net.Socket.prototype).some(
  ({ description }) => description === 'messaging_transfer_symbol',
);

describe.each([{ processes: 2 }, { context: 'inline' as const }])('what can only be moved, %o', (options) => {
  test.each(['port', 'stream', 'socket'])('is refused in a result that does not move it: %s', async (what) => {
    const pool = makePool(options);
    const error = await failure(() => pool.apply(movable, [0, what]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.path).toBe('result.thing');
    const rows = [0, 1, 2, 3].map((index) => [index, what]);
    const settled = await pool.starmap(movable, rows, { settled: true, chunkSize: 2 });
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'rejected']);
    for (const it of settled) {
      if (it.status === 'fulfilled') expect(it.value).toEqual({ index: 1 });
      else expect(it.reason).toBeInstanceOf(SerializationError);
    }
    expect(pool.stats().restarts).toBe(0);
  });

  test.each(['port', 'stream', 'socket'])('is left out of an error: %s', async (what) => {
    const pool = makePool(options);
    const error = await failure(() => pool.apply(failing, [5, what]));
    expect(error).toBeInstanceOf(RangeError);
    expect([error.message, error.index, 'thing' in error]).toEqual(['item 5', 5, false]);
    const settled = await pool.starmap(
      failing,
      [0, 1].map((index) => [index, what]),
      { settled: true, chunkSize: 2 },
    );
    expect(settled.map((it) => it.status === 'rejected' && it.reason.message)).toEqual(['item 0', 'item 1']);
    expect(pool.stats().restarts).toBe(0);
  });

  const ports = options.context === 'inline' ? test : threadsOnly('moved ports');
  ports('and was moved already fails its own result, and no result that moves nothing', async () => {
    const pool = makePool(options);
    const makePort = ref('transfer.mjs', 'makePort');
    const { port } = await pool.apply(makePort, [0]);
    port.close();
    expect(await failure(() => pool.apply(makePort, [1]))).toBeInstanceOf(SerializationError);
    const settled = await pool.map(makePort, [2, 1, 3], { settled: true, chunkSize: 3 });
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(settled[1].status === 'rejected' && settled[1].reason).toBeInstanceOf(SerializationError);
    expect(pool.stats().restarts).toBe(0);
  });

  test('a result of null may move something', async () => {
    const pool = makePool(options);
    expect(await pool.apply(ref('transfer.mjs', 'makeNull'))).toBe(null);
    expect(await pool.map(ref('transfer.mjs', 'makeNull'), [1, 2])).toEqual([null, null]);
  });
});

describe('a Socket', () => {
  test('is refused as an argument, by its path', async () => {
    const pool = makePool(1);
    const error = await failure(() => pool.apply((x: unknown) => x, [{ db: new net.Socket() }]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.path).toBe('args[0].db');
    expect(error.message).toContain('a Socket');
  });

  threadsOnly('moved connections')('is moved where Node can move connections, and refused elsewhere', async () => {
    const pool = makePool(1);
    const said = new Promise<unknown>((resolve) => {
      const server = net.createServer({ pauseOnConnect: true }, (connection) => {
        server.close();
        const transfer = [connection as unknown as ArrayBuffer];
        resolve(
          pool.apply(ref('transfer.mjs', 'say'), [connection, 'from the worker'], { transfer }).catch((error) => {
            connection.end('refused');
            return error;
          }),
        );
      });
      server.listen(0, '127.0.0.1');
      server.once('listening', () => client.connect((server.address() as net.AddressInfo).port, '127.0.0.1'));
    });
    let heard = '';
    const client = new net.Socket().setEncoding('utf8').on('data', (text) => {
      heard += text;
    });
    const closed = new Promise((done) => {
      client.on('close', done);
    });
    const answer = await said;
    await closed;
    if (socketsMove) expect([answer, heard]).toEqual([true, 'from the worker']);
    else expect([(answer as SerializationError).path, heard]).toEqual(['args[0]', 'refused']);
  });
});
