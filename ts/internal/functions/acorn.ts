import type { Expression, Program } from 'acorn';
import { requireHere } from '../here.js';

let acorn: typeof import('acorn') | undefined;

/** The parser, loaded at first use: most programs start without it, and no worker ever needs it to run a task. */
function parser(): typeof import('acorn') {
  acorn ??= requireHere('acorn') as typeof import('acorn');
  return acorn;
}

/** Parses one expression. Throws acorn's SyntaxError. */
export function parseExpression(text: string, sourceType: 'module' | 'script'): Expression {
  const program = parser().parse(`(${text}\n)`, {
    ecmaVersion: 'latest',
    sourceType,
    // A piece of a class may use these; the analysis says so better than the parser.
    allowSuperOutsideMethod: true,
    checkPrivateFields: false,
  });
  const [statement] = program.body;
  if (program.body.length !== 1 || statement?.type !== 'ExpressionStatement') {
    throw new SyntaxError('not a single expression');
  }
  return statement.expression;
}

/** Parses a whole file: an ES module, or a CommonJS one. Throws acorn's SyntaxError. */
export function parseFile(text: string): Program {
  try {
    return parser().parse(text, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true });
  } catch {
    return parser().parse(text, {
      ecmaVersion: 'latest',
      sourceType: 'script',
      allowHashBang: true,
      allowReturnOutsideFunction: true,
    });
  }
}
