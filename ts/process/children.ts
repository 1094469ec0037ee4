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
    if (this.pending === 0) watchInterrupts(this);
    this.#all.add(child);
    if (!child.daemon) this.#alive.began();
  }

  remove(child: Running): void {
    if (!this.#all.delete(child)) return;
    if (!child.daemon) this.#alive.ended();
    this.#unwatch();
  }

  /** Ctrl+C ends what waits for children, and children as the system would end processes of their own. */
  get pending(): number {
    return this.#all.size + this.#joins.size;
  }

  refuseAll(error: () => Error): void {
    for (const refuse of [...this.#joins]) refuse(error());
    for (const child of [...this.#all]) child.interrupt(INTERRUPTED);
  }

  /** A call waits for a child: it keeps Node alive until it has ended, and Ctrl+C calls `refuse`. */
  async joining<T>(wait: (refused: Promise<never>) => Promise<T>): Promise<T> {
    if (this.pending === 0) watchInterrupts(this);
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

  #unwatch(): void {
    if (this.pending === 0) unwatchInterrupts(this);
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
