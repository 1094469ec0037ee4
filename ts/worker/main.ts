import { workerData } from 'node:worker_threads';
import { watchEnd } from '../internal/ending.js';
import { LateCodec } from '../internal/late.js';
import { Control, payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, useNative } from '../internal/native.js';
import { Output } from '../internal/output.js';
import { announceWorker, attach } from '../internal/runtime.js';
import { becomeSelf } from '../internal/self.js';
import type { FirstToWorker, ToWorker } from '../pool/attachments.js';
import type { FromWorker, WorkerSetup } from '../pool/worker-start.js';
import { WorkerAttachments } from './hooks.js';
import { Inputs } from './inputs.js';
import { Loop } from './loop.js';
import { MemoryLimit } from './memory-limit.js';
import { Results } from './results.js';
import { Runners } from './runners.js';
import { Tasks } from './tasks.js';

/** A worker that idles so long after its start is made complete, whether it needed everything so far or not. */
const PREPARE_MS = 200;

/** The program of a pool's worker. */
const setup = workerData as WorkerSetup;
const { port, control, seat, pool } = setup;

useNative(setup.addon);
if (setup.cpu !== undefined) native.pinThread(setup.cpu);
becomeSelf(setup.self);
let loop: Loop | undefined;
attach(() => loop?.turn());
native.sit(pool, seat, control);
watchEnd({
  left(code) {
    try {
      loop?.rescue();
    } finally {
      // What could not be published runs again. The owner may be blocked when it wants to know how the thread ended.
      memory.i32[control / 4 + Control.exitCode] = code;
      memory.u32[control / 4 + Control.exited] = 1;
    }
  },
  threw: (error) => tell({ threw: encoded(error) }),
});

const attachments = new WorkerAttachments(port, seat);
const codec = new LateCodec(attachments, 'result');
const tasks = new Tasks(seat + 1, codec, attachments);
const runners = new Runners(pool);
let output = new Output(setup.output === 'pipe' ? [printsTo(1), printsTo(2)] : [1, 2]);
let toldPath: (path: string) => void = () => {};
const path = setup.output === 'file' ? new Promise<string>((resolve) => (toldPath = resolve)) : undefined;
if (path === undefined) output.install();
announceWorker({ currentTask: () => tasks.currentTask(), workerId: seat + 1 });
port.on('message', (message: ToWorker | FirstToWorker) => {
  if ('logTo' in message) toldPath(message.logTo);
  else attachments.message(message);
});

// Loading takes as long as a short task: rather now than within one whose time is limited, and otherwise soon.
if (memory.u32[control / 4 + Control.values] !== 0) codec.prepare();
else prepareLater();

void start();

async function start(): Promise<void> {
  if (path !== undefined) {
    try {
      const file = process.getBuiltinModule('node:fs').openSync(await path, 'a');
      output = new Output([file, file]);
      output.install();
    } catch (error) {
      tell({ initializerFailed: encoded(error) });
      return;
    }
  }
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
    inputs: new Inputs(codec),
    results: new Results(codec, attachments),
    tasks,
    output,
    memoryLimit: setup.maxMemory === Number.POSITIVE_INFINITY ? undefined : new MemoryLimit(setup.maxMemory),
    leave: () => process.exit(0),
  });
  tell({ ready: { initMs: timed ? performance.now() - began : 0 } });
  loop.turn();
}

function prepareLater(): void {
  setTimeout(() => (loop?.idle ? codec.prepare() : prepareLater()), PREPARE_MS).unref();
}

async function initialize({ fn, block, bytes }: NonNullable<WorkerSetup['initializer']>): Promise<void> {
  const from = payloadOf(block);
  memory.ensure(from + bytes);
  const args = codec.decoder.decode(memory, from, from + bytes);
  const runner = await runners.get(fn);
  tasks.state = await runner.fn(...args);
}

function encoded(error: unknown): Uint8Array {
  const { encoder } = codec;
  try {
    encoder.encodeOne(memory, 0, 0, error);
  } catch (unsendable) {
    encoder.encodeOne(memory, 0, 0, unsendable);
  }
  return Uint8Array.from(encoder.scratch.u8.subarray(0, encoder.length));
}

function printsTo(printed: 1 | 2): (lines: Buffer) => void {
  return (lines) => tell({ printed, lines });
}

function tell(message: FromWorker): void {
  port.postMessage(message);
}
