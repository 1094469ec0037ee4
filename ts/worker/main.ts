import { workerData } from 'node:worker_threads';
import { Decoder, Encoder } from '../internal/codec/index.js';
import { moduleLoading } from '../internal/functions/load.js';
import { payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, useNative } from '../internal/native.js';
import { announceWorker, attach } from '../internal/runtime.js';
import type { ToWorker } from '../pool/attachments.js';
import type { FromWorker, WorkerSetup } from '../pool/workers.js';
import { watchEnd } from './ending.js';
import { WorkerAttachments } from './hooks.js';
import { Inputs } from './inputs.js';
import { Loop } from './loop.js';
import { Output } from './output.js';
import { Results } from './results.js';
import { Runners } from './runners.js';
import { Tasks } from './tasks.js';

/** The program of a pool's worker. */
const setup = workerData as WorkerSetup;
const { port, control, seat, pool } = setup;

useNative(setup.addon);
let loop: Loop | undefined;
attach(() => loop?.turn());
native.sit(pool, seat, control);
watchEnd(
  control,
  () => loop?.rescue(),
  (error) => tell({ threw: encoded(error) }),
);

const attachments = new WorkerAttachments(port, seat);
const encoder = new Encoder(attachments);
encoder.label = 'result';
const decoder = new Decoder(attachments);
const tasks = new Tasks(seat + 1, encoder);
const runners = new Runners(pool);
const output = new Output();
output.install();
announceWorker({ currentTask: () => tasks.currentTask(), moduleLoading, workerId: seat + 1 });
port.on('message', (message: ToWorker) => attachments.message(message));

void start();

async function start(): Promise<void> {
  // Without an initializer there is nothing to time, and `performance` is slow to load.
  const timed = setup.initializer !== undefined;
  const began = timed ? performance.now() : 0;
  if (setup.initializer !== undefined) {
    try {
      await initialize(setup.initializer);
    } catch (error) {
      output.flush();
      tell({ initializerFailed: encoded(error) });
      return;
    }
    output.flush();
  }
  loop = new Loop({
    control,
    concurrency: setup.concurrency,
    runners,
    attachments,
    inputs: new Inputs(decoder),
    results: new Results(encoder, attachments),
    tasks,
    output,
    leave: () => process.exit(0),
  });
  tell({ ready: { initMs: timed ? performance.now() - began : 0 } });
  loop.turn();
}

async function initialize({ fn, block, bytes }: NonNullable<WorkerSetup['initializer']>): Promise<void> {
  const from = payloadOf(block);
  memory.ensure(from + bytes);
  const args = decoder.decode(memory, from, from + bytes);
  const runner = await runners.get(fn);
  tasks.state = await runner.fn(...args);
}

function encoded(error: unknown): Uint8Array {
  try {
    encoder.encodeOne(memory, 0, 0, error);
  } catch (unsendable) {
    encoder.encodeOne(memory, 0, 0, unsendable);
  }
  return Uint8Array.from(encoder.scratch.u8.subarray(0, encoder.length));
}

function tell(message: FromWorker): void {
  port.postMessage(message);
}
