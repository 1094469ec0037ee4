import { Alive } from '../internal/alive.js';
import { type Interruptible, unwatchInterrupts, watchInterrupts } from '../internal/interrupts.js';
import { addPump } from '../internal/runtime.js';
import { Agenda } from '../pool/agenda.js';
import type { Running } from './running.js';

/** The children of this isolate that run, and the calls that wait for them. */
class Children implements Interruptible {
  readonly running = true;
  /** Their time limits. */
  readonly agenda = new Agenda();
  readonly #all = new Set<Running>();
  readonly #joins = new Set<(reason: Error) => void>();
  readonly #alive = new Alive();
  #pumped = false;

  add(child: Running): void {
    this.#pumpOnce();
    this.#watch();
    this.#all.add(child);
    if (!child.daemon) this.#alive.began();
  }

  remove(child: Running): void {
    if (!this.#all.delete(child)) return;
    if (!child.daemon) this.#alive.ended();
    this.#unwatch();
  }

  /** What Ctrl+C ends: calls that wait for children, and children that the program would wait for at its end. */
  get pending(): number {
    let awaited = this.#joins.size;
    for (const child of this.#all) if (!child.daemon || child.awaited) awaited++;
    return awaited;
  }

  /** Children are ended as a terminal ends processes of their own. */
  refuseAll(error: () => Error): void {
    for (const refuse of [...this.#joins]) refuse(error());
    for (const child of [...this.#all]) child.interrupt({ ...INTERRUPTED, error: error() });
  }

  /** A call waits for a child: it keeps Node alive until it has ended, and Ctrl+C calls `refuse`. */
  async joining<T>(wait: (refused: Promise<never>) => Promise<T>): Promise<T> {
    this.#watch();
    let refuse!: (reason: Error) => void;
    const refused = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    refused.catch(() => {});
    this.#joins.add(refuse);
    this.#alive.began();
    try {
      return await wait(refused);
    } finally {
      this.#alive.ended();
      this.#joins.delete(refuse);
      this.#unwatch();
    }
  }

  #watch(): void {
    if (this.#all.size + this.#joins.size === 0) watchInterrupts(this);
  }

  #unwatch(): void {
    if (this.#all.size + this.#joins.size === 0) unwatchInterrupts(this);
  }

  #pumpOnce(): void {
    if (this.#pumped) return;
    this.#pumped = true;
    addPump({
      pump: () => {
        this.agenda.poll();
        return this.agenda.next();
      },
      // Who waits for an object that only a child could bring has sent it there: the object knows.
      busy: () => false,
    });
  }
}

/** What Ctrl+C does to a child that does not handle it. */
export const INTERRUPTED = { exitCode: -2, signal: 'SIGINT', reason: 'interrupted' } as const;

export const children: Children = new Children();
