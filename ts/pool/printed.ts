import type { Readable } from 'node:stream';

/** What a worker prints, as streams for whoever reads them. */
export class Printed {
  readonly stdout: Readable;
  readonly stderr: Readable;

  /** `body`: the streams of the thread or process. */
  constructor(body: { readonly stdout: Readable | null; readonly stderr: Readable | null }) {
    this.stdout = readable();
    this.stderr = readable();
    // What is printed before the worker's program runs takes Node's way.
    body.stdout?.on('data', (lines: Buffer) => this.push(1, lines));
    body.stderr?.on('data', (lines: Buffer) => this.push(2, lines));
  }

  /** Lines of standard output (1) or standard error (2). */
  push(stream: 1 | 2, lines: Uint8Array): void {
    const to = stream === 1 ? this.stdout : this.stderr;
    // Whoever reads may have destroyed it.
    if (!to.destroyed) to.push(Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength));
  }

  /** The worker has ended. */
  end(): void {
    for (const stream of [this.stdout, this.stderr]) if (!stream.destroyed) stream.push(null);
  }
}

function readable(): Readable {
  const { Readable } = process.getBuiltinModule('node:stream');
  return new Readable({ read() {} });
}
