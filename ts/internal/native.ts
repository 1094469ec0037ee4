/** A mapped block of named shared memory. */
export interface NamedBlock {
  readonly id: number;
  readonly buffer: ArrayBuffer;
}

/** A place for a child process: its number, what it has to be told, and the descriptor that it has to inherit. */
export interface ProcessPlace {
  readonly number: number;
  readonly ticket: string;
  readonly file: number;
}

/** The addon's functions: what `crates/node` exports. See there for what each does. */
export interface Native {
  attach(wake: () => void): number;
  window(): ArrayBuffer;
  alloc(bytes: number): number;
  free(block: number): boolean;
  blocksInUse(): number;
  createObject(kind: number, a: number, b: number, c: number, bytes: number, needs: number[]): number;
  openObject(object: number): boolean;
  releaseObject(object: number): boolean;
  objectBuffer(object: number, offset: number, bytes: number): ArrayBuffer | SharedArrayBuffer;
  objectCount(): number;
  cell(object: number): number;
  pack(carrier: number, objects: number[]): boolean;
  bell(): number;
  sleep(seen: number, spinUs: number, timeoutUs: number): number;
  listen(on: boolean): void;
  answer(): void;
  onlyHere(object: number): boolean;
  contextAlive(context: number): boolean;
  lockLook(block: number, recover: boolean, stay: boolean): number;
  lockRelease(block: number): number;
  lockPutBack(block: number, dead: number): boolean;
  lockLeave(block: number): void;
  semaphoreLook(block: number, stay: boolean): boolean;
  semaphoreRelease(block: number, count: number): number;
  semaphoreLeave(block: number): void;
  eventSet(block: number): boolean;
  eventLook(block: number, seen: number, stay: boolean): boolean;
  eventLeave(block: number): void;
  conditionEnter(block: number): number;
  conditionNotified(block: number, ticket: number): boolean;
  conditionForget(block: number, ticket: number): boolean;
  conditionNotify(block: number, most: number): boolean;
  barrierArrive(block: number, cell: number, action: boolean, stay: boolean): number;
  barrierLook(block: number, cell: number, stay: boolean): number;
  barrierFinish(block: number, cell: number, done: boolean, stay: boolean): number;
  barrierLeave(block: number, cell: number, patient: boolean, stay: boolean): number;
  barrierWithdraw(block: number): void;
  barrierAbort(block: number): void;
  barrierReset(block: number): void;
  barrierWaiting(block: number): number;
  barrierBroken(block: number): boolean;
  ringPut(block: number, at: number, bytes: number, wait: boolean): number;
  ringGet(block: number, max: number, at: number, bytes: number, wait: boolean, cell: number): number;
  ringReady(block: number, wait: boolean): boolean;
  ringLeave(block: number, what: number): void;
  ringShut(block: number, flags: number, cell: number): void;
  ringState(block: number): number[];
  ringTaskDone(block: number, cell: number): boolean;
  ringJoin(block: number, since: number, wait: boolean): boolean;
  createPool(seats: number, lanes: number, maxTasks: number, spinUs: number, maxSearching: number): number;
  destroyPool(pool: number): void;
  submit(pool: number, slot: number): number;
  submitCalls(pool: number, list: number, count: number): void;
  closeRange(pool: number, slot: number): void;
  dismiss(pool: number, worker: number, control: number): void;
  nudge(pool: number, worker: number): void;
  stopPool(pool: number): void;
  publish(pool: number, definition: Uint8Array): number;
  definition(pool: number, number: number): Buffer;
  drainInto(offset: number): void;
  drain(max: number): number;
  resumeLater(): void;
  wait(spinUs: number, timeoutUs: number): number;
  countInterrupts(): number;
  endAtInterrupt(nth: number): void;
  allowedCpus(): number[];
  pinThread(cpu: number): void;
  oneAtATime(run: () => void): void;
  privateMemory(): number;
  counters(pool: number, worker: number): number[];
  bucketStarts(): number[];
  nowMs(): number;
  randomBytes(count: number): Buffer;
  workerCount(): number;
  sit(pool: number, seat: number, control: number): void;
  sitFar(pool: number, seat: number, control: number, lanes: number): void;
  joinRegion(ticket: string, file: number): boolean;
  ignoreInterrupts(): void;
  reserveProcess(): ProcessPlace;
  watchProcess(number: number, pid: number): void;
  processEnd(number: number): number | null;
  forgetProcess(number: number): void;
  advance(lane: number, what: number): number;
  publishPart(lane: number, count: number): void;
  report(lane: number, block: number, bytes: number): void;
  tell(what: number, value: number, block: number, bytes: number): void;
  writeLines(fd: number, bytes: Uint8Array): void;
  prepareTracker(file: string, args: string[], environment: string[]): void;
  createNamed(name: string, bytes: number): NamedBlock;
  attachNamed(name: string, track: boolean): NamedBlock;
  closeNamed(id: number, buffer: ArrayBuffer): void;
  unlinkNamed(name: string): void;
}

/** The addon, once {@link useNative} was called by this copy of the package. */
export let native: Native;

/** Where the addon was loaded from. All threads must load the same file: its statics are what they share. */
export let nativePath: string;

/** Has this copy of the package use the addon at `path`. */
export function useNative(path: string): void {
  native = addonAt(path);
  nativePath = path;
}

/**
 * Loads the addon from `path`, once for all copies of the package that use the same file: in every context anew, whose own
 * are the objects and errors that it makes. What it holds natively belongs to the isolate.
 */
export function addonAt(path: string): Native {
  const key = Symbol.for(`manycore.addon:${path}`);
  const scope = globalThis as { [key: symbol]: Native | undefined };
  if (scope[key] === undefined) {
    const module = { exports: {} as Native };
    // What `require` does in the end; its search for the file, which is known, would take as long again.
    process.dlopen(module, path);
    Object.defineProperty(globalThis, key, { value: module.exports });
  }
  return scope[key] as Native;
}
