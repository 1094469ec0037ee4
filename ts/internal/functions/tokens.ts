/** What a token is: a name or keyword, a literal (number, string, regular expression, end of a template), or the rest. */
export type TokenKind = 'word' | 'literal' | 'mark';

export interface Token {
  readonly kind: TokenKind;
  /** The text of a word or mark; of literals it does not matter. */
  readonly text: string;
  /** Whether a line ends between the token before and this one. */
  readonly newLine: boolean;
  /** Index of the innermost bracket around it, -1 outside of all. */
  readonly around: number;
  /** Of a bracket: index of its partner. */
  partner: number;
}

// None of these ignores case: the tables for that take longer to make than all the rest.
const SPACE = /(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*.*?\*\/)*/sy;
const WORD = /[A-Za-z_$][\w$]*/y;
/** Without the octal numbers of old. */
const NUMBER =
  /(?:0[xobXOB][\da-fA-F_]+|(?!0[\d_])(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?[\d_]+)?)n?(?![\w$\\])/y;
/** Without escapes by octal number, which strict code does not have. */
const STRING = /'(?:[^'\\]|\\[^\d])*'|"(?:[^"\\]|\\[^\d])*"/y;
const TEMPLATE = /(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)/sy;
const REGEXP = /\/(?:[^[/\\\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const MARK = /=>|\.\.\.|\?\.(?!\d)|\?\?|\+\+|--|[(){}[\];,.<>=!+\-*%&|^~?:]/y;

/** After one of these marks a slash begins a regular expression, and nothing else. */
const BEFORE_REGEXP = new Set(['(', ',', '=', ':', '[', '!', '&', '|', '?', '??', '{', ';', '=>', '/']);
/** After one of these words a slash begins a regular expression, or may begin one. */
const BEFORE_EITHER = new Set(
  'typeof case do else in instanceof new void delete throw of await yield let async static get set'.split(' '),
);
/** A closing parenthesis whose opening one follows one of these is no value. */
const HEADS = new Set(['if', 'while', 'for', 'await', 'with']);
const PARTNERS: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/**
 * Splits the text of a function into tokens. It knows the common part of the language only: `undefined` where it cannot
 * be sure, such as for a name with letters beyond ASCII, or a slash of which only a parser knows what it begins. The text
 * is valid code already, in sloppy mode or in strict mode.
 */
export function tokensOf(text: string): Token[] | undefined {
  // In sloppy mode these may begin comments.
  if (text.includes('<!--') || text.includes('-->')) return undefined;
  return new Tokenizer(text).run();
}

class Tokenizer {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  readonly #open: number[] = [];
  #at = 0;
  #newLine = false;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Token[] | undefined {
    for (;;) {
      this.#newLine = /[\n\r\u2028\u2029]/.test(this.#match(SPACE) as string);
      if (this.#at === this.#text.length) return this.#open.length === 0 ? this.#tokens : undefined;
      if (!this.#token()) return undefined;
    }
  }

  #token(): boolean {
    const word = this.#match(WORD);
    if (word !== undefined) return this.#push('word', word);
    const first = this.#text[this.#at];
    if (first === '/') return this.#slash();
    if (first === '`') {
      this.#at++;
      return this.#template();
    }
    if (first === "'" || first === '"') return this.#literal(STRING);
    if ((first >= '0' && first <= '9') || /^\.\d/.test(this.#text.slice(this.#at, this.#at + 2))) {
      return this.#literal(NUMBER);
    }
    const mark = this.#match(MARK);
    return mark !== undefined && this.#mark(mark);
  }

  #mark(mark: string): boolean {
    const opening = PARTNERS[mark];
    if (opening === undefined) {
      const isOpening = mark === '(' || mark === '[' || mark === '{';
      return isOpening ? this.#opened(mark) : this.#push('mark', mark);
    }
    const from = this.#open.pop();
    if (from === undefined) return false;
    const { text } = this.#tokens[from];
    this.#tokens[from].partner = this.#tokens.length;
    this.#push('mark', mark, from);
    if (text !== '${') return text === opening;
    return mark === '}' && this.#template();
  }

  #opened(mark: string): boolean {
    this.#push('mark', mark);
    this.#open.push(this.#tokens.length - 1);
    return true;
  }

  /** The text of a template up to its end, or up to the next expression in it. */
  #template(): boolean {
    const part = this.#match(TEMPLATE);
    if (part === undefined) return false;
    return part.endsWith('`') ? this.#push('literal', '`') : this.#opened('${');
  }

  /** A division, or a regular expression; no comment. */
  #slash(): boolean {
    const last = this.#tokens.length - 1;
    const before = this.#tokens[last];
    if (before === undefined) return false;
    const { kind, text } = before;
    if (kind === 'mark') {
      if (BEFORE_REGEXP.has(text)) return this.#literal(REGEXP);
      const value = text === ']' || (text === ')' && !HEADS.has(this.#tokens[before.partner - 1]?.text));
      if (!value) return false;
    } else if (kind === 'word' && !isProperty(this.#tokens, last)) {
      if (text === 'return') return this.#literal(REGEXP);
      if (BEFORE_EITHER.has(text)) return false;
    }
    this.#at++;
    return this.#push('mark', '/');
  }

  #literal(pattern: RegExp): boolean {
    return this.#match(pattern) !== undefined && this.#push('literal', '');
  }

  #push(kind: TokenKind, text: string, partner = -1): boolean {
    const around = this.#open.at(-1) ?? -1;
    this.#tokens.push({ kind, text, newLine: this.#newLine, around, partner });
    this.#newLine = false;
    return true;
  }

  /** What the sticky `pattern` finds here, if it finds something; it is passed over. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found[0];
  }
}

/** Whether the token at `index` is the name behind a dot. */
export function isProperty(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  return before === '.' || before === '?.';
}
