/**
 * Offsets of what JavaScript and the core share: job slots, lanes, records. The core's side, with the same numbers, is
 * in `crates/core/src/{slot,record}.rs` and `pool/worker/lane.rs`; every byte is explained in docs/layout.md.
 */

/** Bytes of a block's unit, and of its header. */
export const UNIT = 64;
export const BLOCK_HEADER = 16;

/** A block's payload, in bytes from the region's start. */
export const payloadOf = (block: number): number => block * UNIT + BLOCK_HEADER;

/** Words (32 bits) of a job slot, from `slot * SLOT_WORDS`. */
export const SLOT_BYTES = 256;
export const SLOT_WORDS = 64;
export const Slot = {
  state: 0,
  fn: 1,
  kind: 2,
  /** Of pages: where their table begins in the block's payload. */
  argBytes: 3,
  argBlock: 4,
  /** Of a range: how many items. Of a call: its index, if it is one of many. */
  items: 5,
  /** The number that is the only argument or the result (a double, two words); for a range: pages, first item. */
  number: 6,
  pages: 6,
  base: 7,
  resultTag: 8,
  resultBytes: 9,
  /** Of a range: index of its first item within the caller's call. */
  first: 9,
  resultBlock: 10,
  chunk: 11,
  call: 12,
  cancelled: 13,
  attempt: 15,
  payload: 16,
  /** The owner's own: index of the job in its table. */
  index: 63,
} as const;
/** Bytes of the payload within a slot. */
export const PAYLOAD_START = 64;
export const PAYLOAD_END = 252;

export const State = { free: 0, queued: 1, running: 2, cancelled: 3 } as const;

/** Slot.kind: low byte the kind, second byte how the arguments are given, upper half flags. */
export const Kind = { call: 0, range: 1 } as const;
export const Args = { none: 0, number: 1 << 8, message: 2 << 8, column: 3 << 8, pages: 4 << 8, view: 5 << 8 } as const;
export const ARGS_MASK = 0xff00;
export const Flag = {
  /** Items have a time limit: they are claimed one by one. */
  timed: 1 << 16,
  /** Each item is a list of arguments. */
  star: 1 << 17,
  /** The arguments must survive the call: it may run again. */
  keep: 1 << 18,
  /** Something was moved: the worker asks for it before it reads the arguments. */
  parcel: 1 << 19,
} as const;

/** The upper bits of a slot's kind word: how many tasks of its kind one worker may have in flight. */
export const CONCURRENCY_SHIFT = 20;
export const MAX_CONCURRENCY = 0xfff;

/** How a result is given. */
export const Result = { none: 0, number: 1, message: 2, thrown: 3, noMemory: 4, noParcel: 5 } as const;
/** How a part of a range is given. */
export const Part = { column: 1, page: 2 } as const;

/** Words of a worker's control block, and of its lanes. */
export const CONTROL_WORDS = 80;
/** Word 3 is the core's: the owner dismissed the worker. */
export const Control = {
  exited: 0,
  exitCode: 1,
  beat: 2,
  lanes: 4,
  seated: 5,
  values: 6,
  path: 7,
  pathBytes: 8,
} as const;
export const LANE_WORDS = 16;
export const Lane = {
  slot: 0,
  start: 1,
  count: 2,
  current: 3,
  published: 4,
  resultTag: 5,
  resultBlock: 6,
  resultBytes: 7,
  began: 8,
  unwanted: 9,
  claim: 10,
} as const;
/** Bytes of a control block with `lanes` lanes. */
export const controlBytes = (lanes: number): number => (CONTROL_WORDS + lanes * LANE_WORDS) * 4;

/** What `advance` is told and answers. */
export const Advance = { complete: 1, take: 2, turned: 4, retire: 8, idle: -1, yield: -2, leave: -3 } as const;

/** What a worker tells of itself. */
export const Told = { ready: 1, initializerFailed: 2, threw: 3, stdout: 4, stderr: 5 } as const;

/** Kinds of record, and words of one. */
export const Record = {
  called: 1,
  part: 2,
  dropped: 3,
  lost: 4,
  cancelled: 5,
  workerGone: 6,
  retiring: 7,
  report: 8,
  told: 9,
  words: 8,
} as const;
