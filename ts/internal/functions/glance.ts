/**
 * A look at a function that finds out, for most of the small ones, which names they take from outside. It takes some
 * tenths of a millisecond, where loading a parser and parsing take ten; so a pool's first call need not wait for that.
 *
 * It must never be wrong, so it looks for the certain only: stretches of the text in which a name is declared for sure.
 * They may be shorter than the scopes in truth, never longer. A name outside of all stretches is reported as free;
 * whatever is not understood gives `undefined`. In both cases the parser has the last word. As the text is code that runs
 * already, nothing has to be checked but what could have two meanings.
 */
import { isProperty, type Token, tokensOf } from './tokens.js';

/** What a glance found. */
export interface Glance {
  readonly async: boolean;
  /** Names that are not declared inside of the function, as far as can be seen. */
  readonly free: ReadonlySet<string>;
}

/** Words without a meaning for scopes. */
const PLAIN = new Set(
  'return if else while do break continue throw typeof instanceof in void switch case default try finally null true false'.split(
    ' ',
  ),
);
/** Words that need the parser: what they belong to, or how they are to be read, depends on the code around. */
const HARD = new Set(
  (
    'this super class extends function with import export enum yield arguments eval delete debugger ' +
    'static implements interface package private protected public'
  ).split(' '),
);
const DECLARING = new Set(['const', 'let', 'var']);
/** Words that are no names, or not always. */
const NO_NAMES = new Set([...PLAIN, ...HARD, ...DECLARING, 'for', 'catch', 'new', 'await']);
const PATTERN_MARKS = new Set(['{', '}', '[', ']', ',', ':', '...']);
/** Marks at the beginning of a line that go on with the expression of the line before. */
const GOING_ON = new Set('. ?. ? : ?? * / % = < > & | ^ + - ( [ ) ] } , => ${'.split(' '));
/** Behind these the end of a line may be the end of it all, whatever follows: `() => {}`, `i++`, `return`. */
const ENDING_WITH_LINE = new Set(['}', '++', '--', 'return', 'break', 'continue']);

/** Looks at the text of a function. `undefined`: the parser has to. */
export function glance(text: string): Glance | undefined {
  const tokens = tokensOf(text);
  return tokens === undefined ? undefined : new Look(tokens).run();
}

/** The text was not understood. Thrown and caught in this file only. */
const GIVE_UP = Symbol();

interface Stretch {
  readonly from: number;
  readonly to: number;
}

class Look {
  readonly #tokens: readonly Token[];
  readonly #stretches = new Map<string, Stretch[]>();
  /** Words such as `async` that are keywords where they stand. */
  readonly #keywords = new Set<number>();
  readonly #uses: number[] = [];
  #cases = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  run(): Glance | undefined {
    try {
      const async = this.#text(0) === 'async' && !this.#newLine(1);
      const body = this.#head(async ? 1 : 0);
      if (async) this.#keywords.add(0);
      for (let i = body; i < this.#tokens.length; i++) this.#look(i);
      const free = this.#uses.filter((i) => !this.#isDeclared(i)).map((i) => this.#text(i));
      return { async, free: new Set(free) };
    } catch (error) {
      if (error === GIVE_UP) return undefined;
      throw error;
    }
  }

  /** Makes sure that the text is a function or arrow function that begins at `i`. Answers where its body is looked at. */
  #head(i: number): number {
    if (this.#text(i) === 'function') {
      const named = this.#kind(i + 1) === 'word';
      const params = named ? i + 2 : i + 1;
      if (this.#text(params) !== '(') throw GIVE_UP;
      const whole = { from: 0, to: this.#tokens.length };
      if (named) this.#declare(i + 1, whole);
      return this.#pattern(params, whole);
    }
    const arrow = this.#text(i) === '(' ? this.#tokens[i].partner + 1 : i + 1;
    if (this.#text(arrow) !== '=>') throw GIVE_UP;
    return i;
  }

  #look(i: number): void {
    const { kind, text } = this.#tokens[i];
    if (kind === 'mark') {
      if (text === '=>') this.#arrow(i);
    } else if (kind === 'word' && !isProperty(this.#tokens, i) && !this.#keywords.has(i)) {
      this.#word(i, text);
    }
  }

  #word(i: number, text: string): void {
    if (this.#isKey(i)) {
      // `case a, name:` is none, and looks the same.
      if (this.#cases && this.#text(i - 1) === ',') throw GIVE_UP;
    } else if (HARD.has(text)) {
      throw GIVE_UP;
    } else if (PLAIN.has(text)) {
      if (text === 'case') this.#cases = true;
    } else if (DECLARING.has(text)) {
      this.#declaration(i, text);
    } else if (text === 'catch') {
      this.#catch(i);
    } else if (text === 'new') {
      if (this.#text(i + 1) === '.') throw GIVE_UP;
    } else if (text === 'await') {
      this.#await(i);
    } else if (text === 'async') {
      this.#async(i);
    } else if (text !== 'for') {
      this.#uses.push(i);
    }
  }

  /** `{ name:` or `, name:`: a key or a label. */
  #isKey(i: number): boolean {
    const before = this.#text(i - 1);
    return this.#text(i + 1) === ':' && (before === '{' || before === ',');
  }

  /** In sloppy code `await` may be a name; not if another one follows, as in no other place. */
  #await(i: number): void {
    const next = this.#tokens[i + 1];
    const certain = next?.kind === 'word' && !next.newLine && !['in', 'of', 'instanceof'].includes(next.text);
    if (!certain && this.#text(i - 1) !== 'for') throw GIVE_UP;
  }

  /** `async` before an arrow function, or a name. */
  #async(i: number): void {
    const next = this.#tokens[i + 1];
    const arrow = next?.text === '(' ? next.partner + 1 : next?.kind === 'word' ? i + 2 : -1;
    if (this.#text(arrow) !== '=>' || next.newLine) this.#uses.push(i);
  }

  // -------------------------------------------------------------------------------------- declarations

  /** The parameters of an arrow function. */
  #arrow(i: number): void {
    const before = this.#tokens[i - 1];
    const from = before.text === ')' ? before.partner : i - 1;
    const stretch = { from, to: this.#endOfArrow(i) };
    if (before.text === ')') this.#pattern(from, stretch);
    else this.#declare(from, stretch);
  }

  #catch(i: number): void {
    const open = i + 1;
    if (this.#text(open) !== '(') return;
    const body = this.#tokens[open].partner + 1;
    this.#pattern(open, { from: open, to: this.#tokens[body].partner });
  }

  /** `const`, `let` or `var`; the scope of the last one may be larger than the block that is taken for it. */
  #declaration(i: number, keyword: string): void {
    if (keyword === 'let') this.#mustDeclare(i);
    const { around } = this.#tokens[i];
    const inHead = this.#text(around) === '(';
    if (!inHead && this.#text(around) !== '{') throw GIVE_UP;
    const stretch = { from: around, to: inHead ? this.#endOfLoop(around) : this.#tokens[around].partner };
    let initialized = false;
    for (let at = i + 1; ; at++) {
      at = this.#pattern(at, stretch);
      const next = this.#text(at);
      if (next === 'of' || next === 'in') {
        // Sloppy code may say `for (var a = b in c)`.
        if (initialized || !inHead) throw GIVE_UP;
        if (next === 'of') this.#keywords.add(at);
        return;
      }
      if (next === '=') {
        initialized = true;
        at = this.#endOfInitializer(at + 1);
      }
      if (this.#text(at) !== ',') {
        if (inHead && this.#text(at) === 'in') throw GIVE_UP;
        return;
      }
    }
  }

  /** In sloppy code `let` may be a name. */
  #mustDeclare(i: number): void {
    if (this.#newLine(i + 1)) throw GIVE_UP;
    const text = this.#text(i + 1);
    if (this.#kind(i + 1) === 'word' && !['in', 'of', 'instanceof'].includes(text)) return;
    const before = this.#text(i - 1);
    const first = before === '{' || before === ';' || before === '}' || (before === '(' && this.#text(i - 2) === 'for');
    if (!first || (text !== '{' && text !== '[')) throw GIVE_UP;
  }

  /**
   * Declares the names of a pattern, or of the parameters in parentheses. Default values may only be simple. Answers where
   * it ends.
   */
  #pattern(from: number, stretch: Stretch): number {
    const { kind, partner } = this.#tokens[from];
    if (kind === 'word') {
      this.#declare(from, stretch);
      return from + 1;
    }
    if (!['(', '[', '{'].includes(this.#text(from))) throw GIVE_UP;
    for (let i = from + 1; i < partner; i++) {
      const token = this.#tokens[i];
      const before = this.#text(i - 1);
      const next = this.#text(i + 1);
      if (token.kind === 'word') {
        if (this.#isKey(i)) continue;
        if (!['{', '(', '[', ',', ':', '...'].includes(before)) throw GIVE_UP;
        if (![',', ')', ']', '}', '='].includes(next)) throw GIVE_UP;
        this.#declare(i, stretch);
      } else if (token.text === '=') {
        i = this.#endOfDefault(i + 1) - 1;
      } else if (token.kind === 'literal') {
        // The key of a property.
        if (next !== ':') throw GIVE_UP;
      } else if (!PATTERN_MARKS.has(token.text)) {
        throw GIVE_UP;
      } else if (token.text === '[' && this.#text(token.around) === '{' && before !== ':') {
        // A key in brackets is an expression.
        throw GIVE_UP;
      }
    }
    return partner + 1;
  }

  /** Passes over a default value that is a literal, or an empty array or object. */
  #endOfDefault(at: number): number {
    const first = this.#tokens[at];
    let end: number;
    if (first.kind === 'literal' || ['true', 'false', 'null'].includes(first.text)) end = at + 1;
    else if (first.text === '-' && this.#kind(at + 1) === 'literal') end = at + 2;
    else if ((first.text === '{' || first.text === '[') && first.partner === at + 1) end = at + 2;
    else throw GIVE_UP;
    if (![',', ')', ']', '}'].includes(this.#text(end))) throw GIVE_UP;
    return end;
  }

  #declare(i: number, stretch: Stretch): void {
    const { kind, text } = this.#tokens[i];
    if (kind !== 'word' || NO_NAMES.has(text)) throw GIVE_UP;
    const known = this.#stretches.get(text);
    if (known === undefined) {
      this.#stretches.set(text, [stretch]);
    } else {
      // A parameter's name may come twice, in sloppy code.
      if (known.includes(stretch)) throw GIVE_UP;
      known.push(stretch);
    }
  }

  #isDeclared(i: number): boolean {
    return this.#stretches.get(this.#text(i))?.some(({ from, to }) => from <= i && i <= to) ?? false;
  }

  // -------------------------------------------------------------------------------------- where things end

  /** The last token of an arrow function's body that certainly belongs to it. */
  #endOfArrow(arrow: number): number {
    const from = arrow + 1;
    if (this.#text(from) === '{') return this.#tokens[from].partner;
    let questions = 0;
    let i = from;
    for (; i < this.#tokens.length; i++) {
      const { text, partner } = this.#tokens[i];
      if (this.#endsBefore(i, from) || text === ',') break;
      if (text === '?') questions++;
      else if (text === ':' && questions-- === 0) break;
      if (partner > i) i = partner;
    }
    return i - 1;
  }

  /** The last token of a loop's body that certainly belongs to it; `open`: the parenthesis of its head. */
  #endOfLoop(open: number): number {
    const from = this.#tokens[open].partner + 1;
    let i = from;
    for (; i < this.#tokens.length; i++) {
      const { text, partner } = this.#tokens[i];
      if (text === '{') return partner;
      if (this.#endsBefore(i, from)) break;
      if (partner > i) i = partner;
    }
    return i - 1;
  }

  /** Where the value that begins at `from` may end: at a comma, or at anything that is not certainly part of it. */
  #endOfInitializer(from: number): number {
    let i = from;
    for (; i < this.#tokens.length; i++) {
      const { text, partner } = this.#tokens[i];
      if (this.#endsBefore(i, from) || text === ',') break;
      if (partner > i) i = partner;
    }
    return i;
  }

  /** Whether an expression or simple statement that begins at `from` ends before `i`, or may end there. */
  #endsBefore(i: number, from: number): boolean {
    const { kind, text, partner, newLine } = this.#tokens[i];
    if (text === ';' || (kind === 'mark' && partner >= 0 && partner < i)) return true;
    if (kind === 'word' && (text === 'in' || text === 'of') && !isProperty(this.#tokens, i)) return true;
    if (!newLine || i === from) return false;
    // A line ends here. It ends the expression too unless something is missing before it, or it goes on behind it.
    const before = this.#tokens[i - 1];
    if (ENDING_WITH_LINE.has(before.text)) return true;
    const complete = before.kind !== 'mark' || before.text === ')' || before.text === ']';
    return complete && !(kind === 'mark' && GOING_ON.has(text));
  }

  // ------------------------------------------------------------------------------------------ the tokens

  #text(i: number): string {
    return this.#tokens[i]?.text ?? '';
  }

  #kind(i: number): string | undefined {
    return this.#tokens[i]?.kind;
  }

  #newLine(i: number): boolean {
    return this.#tokens[i]?.newLine ?? false;
  }
}
