/**
 * Listeners of abort signals: one per signal, however many calls were given it. Node warns of a leak at eleven.
 */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `listener` once when `signal` is aborted. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): void {
  if (signal === undefined) return;
  const known = listeners.get(signal);
  if (known !== undefined) {
    known.add(listener);
    return;
  }
  const all = new Set([listener]);
  listeners.set(signal, all);
  const tell = () => {
    listeners.delete(signal);
    for (const each of all) each();
  };
  tells.set(all, tell);
  signal.addEventListener('abort', tell, { once: true });
}

/** Takes a listener back. */
export function offAbort(signal: AbortSignal | undefined, listener: () => void): void {
  const all = signal && listeners.get(signal);
  if (all === undefined || !all.delete(listener) || all.size > 0) return;
  listeners.delete(signal as AbortSignal);
  const tell = tells.get(all);
  if (tell !== undefined) signal?.removeEventListener('abort', tell);
}

/** What was added to the signal for a set of listeners. */
const tells = new WeakMap<Set<() => void>, () => void>();
