import type { ChildProcess, StdioOptions } from 'node:child_process';
import { constants } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { REGION_FILE, type Setup, setupBytes, startVariable } from './birth.js';
import { inheritedFlags } from './exec-argv.js';
import { memory } from './memory.js';
import { native, nativePath, type ProcessPlace } from './native.js';
import { named } from './system-errors.js';
import { prepareTracker } from './tracker.js';

/** How a child process is started. */
export interface ChildOptions {
  /** The program, a file of the package's own. */
  readonly program: URL;
  /** What `begin` answers there: what JSON takes, and Uint8Arrays. */
  readonly setup: Setup;
  readonly env?: NodeJS.Dict<string> | undefined;
  readonly execArgv?: readonly string[] | undefined;
  readonly argv?: readonly string[] | undefined;
  readonly resourceLimits?: ResourceLimits | undefined;
  /** Its standard output and error. @default this process' */
  readonly stdio?: readonly ['inherit' | 'pipe' | number, 'inherit' | 'pipe' | number] | undefined;
}

/** What `native.processEnd` answers of a child that somebody else has waited for. */
const UNKNOWN = -1000;

/** A child process that shares this one's memory. It does not keep Node alive, and ends with this isolate. */
export class Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** How it ended: its exit code, or the number of a signal less than zero, as Python's. */
  readonly exited: Promise<number>;
  readonly #number: number;

  /** @throws what the system says if it cannot be started */
  constructor(options: ChildOptions) {
    const bytes = setupBytes(options.setup);
    const block = memory.store(bytes, bytes.length);
    // The child's blocks have this process' tracker, so that they outlive the child.
    prepareTracker();
    const { number, ticket, file } = reserve(block);
    this.#number = number;
    const start = { pid: process.pid, addon: nativePath, ticket, setup: [block, bytes.length] } as const;
    const [out, error] = options.stdio ?? ['inherit', 'inherit'];
    const stdio: StdioOptions = ['ignore', out, error];
    stdio[REGION_FILE] = file;
    const flags = [...(options.execArgv ?? inheritedFlags(process.execArgv)), ...limitFlags(options.resourceLimits)];
    const args = [...flags, fileOf(options.program), ...(options.argv ?? [])];
    const env = { ...(options.env ?? process.env), ...startVariable(start) };
    // It takes as long to load as a tenth of the package; who starts no child does without.
    const { spawn } = process.getBuiltinModule('node:child_process');
    const giveUp = (): void => {
      native.forgetProcess(number);
      native.free(block);
    };
    try {
      this.process = spawn(process.execPath, args, { stdio, env, windowsHide: true });
    } catch (error) {
      giveUp();
      throw error;
    }
    if (this.process.pid === undefined) {
      giveUp();
      // Node tells why by an event: too late for who called.
      this.pid = 0;
      this.exited = new Promise((_, reject) => this.process.once('error', reject));
      return;
    }
    this.pid = this.process.pid;
    const { pid } = this;
    this.process.unref();
    try {
      named(() => native.watchProcess(number, pid));
    } catch (error) {
      this.process.kill('SIGKILL');
      giveUp();
      throw error;
    }
    this.exited = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => {
        giveUp();
        resolve(code ?? -signalNumber(signal));
      });
    });
  }

  /** How it ended (1: it could not be started), as {@link exited}, found out while no event arrives. Undefined: it has not, or nobody knows. */
  get end(): number | undefined {
    if (this.pid === 0) return 1;
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) return exitCode ?? -signalNumber(signalCode);
    const end = native.processEnd(this.#number);
    return end === null || end === UNKNOWN ? undefined : end;
  }

  /** Sends it a signal. */
  kill(signal: NodeJS.Signals): void {
    // Node would send it to this process' whole group.
    if (this.pid !== 0) this.process.kill(signal);
  }
}

/** A place for a child, or nothing: not even the block. */
function reserve(block: number): ProcessPlace {
  try {
    return named(() => native.reserveProcess());
  } catch (error) {
    native.free(block);
    throw error;
  }
}

/** The number of a signal; 0 for none. */
export function signalNumber(name: NodeJS.Signals | null): number {
  return name === null ? 0 : constants.signals[name];
}

/** The name of a signal. */
export function signalName(number: number): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] as NodeJS.Signals | undefined;
}

function fileOf(url: URL): string {
  return process.getBuiltinModule('node:url').fileURLToPath(url);
}

/** What `worker_threads` takes as limits, as flags. */
function limitFlags(limits: ResourceLimits | undefined): string[] {
  const flags: string[] = [];
  const add = (flag: string, value: number | undefined): void => {
    if (value !== undefined) flags.push(`${flag}=${Math.max(1, Math.round(value))}`);
  };
  add('--max-old-space-size', limits?.maxOldGenerationSizeMb);
  add('--max-semi-space-size', limits?.maxYoungGenerationSizeMb && limits.maxYoungGenerationSizeMb / 3);
  add('--stack-size', limits?.stackSizeMb && limits.stackSizeMb * 1024);
  return flags;
}
