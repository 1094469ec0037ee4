import type { Session } from 'node:inspector';

interface Property {
  readonly name: string;
  readonly value?: { readonly objectId?: string; readonly value?: { readonly scriptId?: string } };
}

/**
 * The URL of the file that a class or function was written in, as V8's inspector tells; undefined where there is none, and
 * for code that is in no file.
 */
export function scriptOf(target: object): string | undefined {
  let session: Session | undefined;
  try {
    const inspector = process.getBuiltinModule('node:inspector');
    session = new inspector.Session();
    session.connect();
    const scriptId = scriptIdOf(session, target);
    return scriptId === undefined ? undefined : urlOf(session, scriptId);
  } catch {
    return undefined;
  } finally {
    session?.disconnect();
  }
}

/** The inspector sees values by expressions only: for a moment the target is a global. */
const key = Symbol.for('manycore.inspected');

function scriptIdOf(session: Session, target: object): string | undefined {
  const scope = globalThis as { [key]?: object };
  scope[key] = target;
  try {
    const { result } = post<{ result: { objectId: string } }>(session, 'Runtime.evaluate', {
      expression: "globalThis[Symbol.for('manycore.inspected')]",
    });
    const { internalProperties } = post<{ internalProperties: Property[] }>(session, 'Runtime.getProperties', {
      objectId: result.objectId,
      ownProperties: true,
    });
    return internalProperties.find(({ name }) => name === '[[FunctionLocation]]')?.value?.value?.scriptId;
  } finally {
    delete scope[key];
  }
}

/** What is told of each script as the debugger is switched on. */
function urlOf(session: Session, scriptId: string): string | undefined {
  let found: string | undefined;
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (params.scriptId === scriptId) found = params.url;
  });
  post(session, 'Debugger.enable');
  return found === '' ? undefined : found;
}

/** The inspector of this thread answers before `post` returns. */
function post<T>(session: Session, method: string, params: object = {}): T {
  let answer: unknown;
  let failure: Error | null = null;
  session.post(method, params, (error: Error | null, result?: object) => {
    failure = error;
    answer = result;
  });
  if (failure !== null) throw failure;
  return answer as T;
}
