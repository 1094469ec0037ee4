import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';

const script = new URL('./workers/channel.cjs', import.meta.url);

/** A MessageChannel between two bare workers: one posts, the other one listens. */
export default class {
  static group = 'baseline';
  static settings = [{}];
  #workers;

  async load() {}

  start() {
    const { port1, port2 } = new MessageChannel();
    this.#workers = [port1, port2].map((port) => new Worker(script, { workerData: { port }, transferList: [port] }));
  }

  async move(how, count) {
    const [from, to] = this.#workers;
    const ready = once(to, 'message');
    to.postMessage({ put: false, how, count });
    await ready;
    const sum = once(to, 'message');
    from.postMessage({ put: true, how, count });
    return (await sum)[0];
  }

  stop() {
    return Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
