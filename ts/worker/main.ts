import { begin } from '../internal/birth.js';
import { watchEnd } from '../internal/ending.js';
import { LateCodec } from '../internal/late.js';
import { Control, payloadOf, Told } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, useNative } from '../internal/native.js';
import { Output } from '../internal/output.js';
import { announceWorker, attach } from '../internal/runtime.js';
import { MAX_TIMER } from '../internal/timer.js';
import type { ToWorker } from '../pool/attachments.js';
import type { WorkerSetup } from '../pool/worker-start.js';
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
const born = begin();
const child = born.inProcess;
const setup = born.setup as WorkerSetup;
const { port, control, seat, pool } = setup;

useNative(setup.addon);
if (setup.cpu !== undefined) native.pinThread(setup.cpu);
let loop: Loop | undefined;
attach(() => loop?.turn());
// The pool's owner hears of Ctrl+C, and decides what becomes of its workers.
if (child) native.ignoreInterrupts();
if (child) native.sitFar(pool, seat, control, setup.lanes);
else native.sit(pool, seat, control);
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
  threw(error, exiting) {
    tellError(Told.threw, error);
    // Node would print it, as of a program of its own; the pool tells of it.
    if (child && !exiting) process.exit(1);
  },
});

const attachments = new WorkerAttachments(port, seat);
const codec = new LateCodec(attachments, 'result');
const tasks = new Tasks(seat + 1, codec, attachments);
const runners = new Runners(pool);
let output = new Output(setup.output === 'pipe' ? [printsTo(Told.stdout), printsTo(Told.stderr)] : [1, 2]);
if (setup.output !== 'file') output.install();
announceWorker({ currentTask: () => tasks.currentTask(), workerId: seat + 1 });
port?.on('message', (message: ToWorker) => attachments.message(message));
// A process without a port stays until it is told to leave.
if (child) setInterval(() => {}, MAX_TIMER);

// Loading takes as long as a short task: rather now than within one whose time is limited, and otherwise soon.
if (memory.u32[control / 4 + Control.values] !== 0) codec.prepare();
else prepareLater();

void start();

async function start(): Promise<void> {
  if (setup.output === 'file') {
    try {
      const file = process.getBuiltinModule('node:fs').openSync(await pathToPrintTo(), 'a');
      output = new Output([file, file]);
      output.install();
    } catch (error) {
      tellError(Told.initializerFailed, error);
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
      tellError(Told.initializerFailed, error);
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
    memoryLimit: setup.maxMemory === undefined ? undefined : new MemoryLimit(setup.maxMemory, child),
    leave: () => process.exit(0),
  });
  native.tell(Told.ready, timed ? Math.round((performance.now() - began) * 1000) : 0, 0, 0);
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

/** The owner writes it as soon as it knows this worker's number: usually long before it is asked for. */
async function pathToPrintTo(): Promise<string> {
  for (;;) {
    const block = Atomics.load(memory.u32, control / 4 + Control.path);
    if (block !== 0) {
      return Buffer.from(memory.copy(payloadOf(block), memory.u32[control / 4 + Control.pathBytes])).toString();
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function tellError(what: number, error: unknown): void {
  const { encoder } = codec;
  try {
    encoder.encodeOne(memory, 0, 0, error);
  } catch (unsendable) {
    encoder.encodeOne(memory, 0, 0, unsendable);
  }
  const { scratch, length } = encoder;
  native.tell(what, 0, memory.store(scratch.u8, length, encoder.takeHandles()), length);
}

function printsTo(what: number): (lines: Buffer) => void {
  return (lines) => native.tell(what, 0, memory.store(lines, lines.length), lines.length);
}
