/**
 * Scope analysis: which names does a piece of code take from outside?
 *
 * One walk declares names in their scopes and notes every reference with the scope it stands in. References are resolved
 * after the walk, so that hoisting needs no care. A `with` body, and a sloppy function that calls `eval` directly, are
 * dynamic scopes: a name that is not found inside of one may still be its own, and is not reported.
 */
import type { AnyNode, Class, Function as FunctionNode, Pattern } from 'acorn';

/** A name that the code uses. */
export interface Reference {
  readonly name: string;
  readonly start: number;
  /** Whether it is only asked for its type, which needs no such variable. */
  readonly typeofOnly: boolean;
  /** Whether the code itself declares it. */
  readonly declared: boolean;
}

/** Things besides variables that belong to the code around a function. */
export type Outer = 'this' | 'super' | 'import.meta' | `#${string}`;

export interface Analysis {
  readonly references: Reference[];
  readonly outer: Set<Outer>;
}

class Scope {
  readonly names = new Set<string>();
  /** Where a `var` goes. */
  readonly hoist: Scope;
  dynamic = false;
  /** Whether `this` and `super` are those of a function or class inside of the code. */
  ownThis: boolean;
  ownSuper: boolean;
  /** The private names of the classes around this scope. */
  privateNames: ReadonlySet<string>;

  constructor(
    readonly parent: Scope | null,
    kind: 'function' | 'block',
  ) {
    this.hoist = kind === 'function' || parent === null ? this : parent.hoist;
    this.ownThis = parent?.ownThis ?? false;
    this.ownSuper = parent?.ownSuper ?? false;
    this.privateNames = parent?.privateNames ?? new Set();
  }
}

/** Analyses an expression or a whole program. `sloppy`: it is not strict code. */
export function analyse(root: AnyNode, sloppy: boolean): Analysis {
  return new Walk(sloppy).run(root);
}

class Walk {
  readonly #sloppy: boolean;
  readonly #outer = new Set<Outer>();
  readonly #uses: { name: string; start: number; typeofOnly: boolean; scope: Scope }[] = [];

  constructor(sloppy: boolean) {
    this.#sloppy = sloppy;
  }

  run(root: AnyNode): Analysis {
    this.#visit(root, new Scope(null, 'function'));
    const references = this.#uses.map(({ name, start, typeofOnly, scope }) => {
      return { name, start, typeofOnly, declared: isDeclared(name, scope) };
    });
    return { references, outer: this.#outer };
  }

  #visit(node: AnyNode | null | undefined, scope: Scope): void {
    if (node === null || node === undefined) return;
    switch (node.type) {
      case 'Identifier':
        this.#uses.push({ name: node.name, start: node.start, typeofOnly: false, scope });
        return;
      case 'UnaryExpression':
        if (node.operator !== 'typeof' || node.argument.type !== 'Identifier') break;
        this.#uses.push({ name: node.argument.name, start: node.argument.start, typeofOnly: true, scope });
        return;
      case 'ThisExpression':
        if (!scope.ownThis) this.#outer.add('this');
        return;
      case 'Super':
        if (!scope.ownSuper) this.#outer.add('super');
        return;
      case 'MetaProperty':
        if (node.meta.name === 'import') this.#outer.add('import.meta');
        return;
      case 'PrivateIdentifier':
        if (!scope.privateNames.has(node.name)) this.#outer.add(`#${node.name}`);
        return;
      case 'VariableDeclaration':
        for (const declarator of node.declarations) {
          this.#declare(declarator.id, node.kind === 'var' ? scope.hoist : scope, scope);
          this.#visit(declarator.init, scope);
        }
        return;
      case 'FunctionDeclaration':
        if (node.id) {
          scope.names.add(node.id.name);
          if (this.#sloppy) scope.hoist.names.add(node.id.name);
        }
        this.#function(node, scope, false);
        return;
      case 'FunctionExpression':
        this.#function(node, named(node, scope), false);
        return;
      case 'ArrowFunctionExpression':
        this.#function(node, scope, false);
        return;
      case 'ClassDeclaration':
        if (node.id) scope.names.add(node.id.name);
        this.#class(node, scope);
        return;
      case 'ClassExpression':
        this.#class(node, scope);
        return;
      case 'Property':
        if (node.computed) this.#visit(node.key, scope);
        if ((node.method || node.kind !== 'init') && node.value.type === 'FunctionExpression') {
          this.#function(node.value, scope, true);
        } else {
          this.#visit(node.value, scope);
        }
        return;
      case 'MemberExpression':
        this.#visit(node.object, scope);
        if (node.computed || node.property.type === 'PrivateIdentifier') this.#visit(node.property, scope);
        return;
      case 'CallExpression':
        // A direct eval may declare variables in the function around it.
        if (this.#sloppy && node.callee.type === 'Identifier' && node.callee.name === 'eval')
          scope.hoist.dynamic = true;
        break;
      case 'BlockStatement':
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
        this.#children(node, new Scope(scope, 'block'));
        return;
      case 'SwitchStatement': {
        this.#visit(node.discriminant, scope);
        const cases = new Scope(scope, 'block');
        for (const clause of node.cases) this.#children(clause, cases);
        return;
      }
      case 'CatchClause': {
        const inner = new Scope(scope, 'block');
        if (node.param) this.#declare(node.param, inner, inner);
        this.#visit(node.body, inner);
        return;
      }
      case 'WithStatement': {
        this.#visit(node.object, scope);
        const inner = new Scope(scope, 'block');
        inner.dynamic = true;
        this.#visit(node.body, inner);
        return;
      }
      case 'LabeledStatement':
        this.#visit(node.body, scope);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'ExportAllDeclaration':
        return;
      case 'ImportDeclaration':
        for (const specifier of node.specifiers) scope.names.add(specifier.local.name);
        return;
      case 'ExportNamedDeclaration':
        this.#visit(node.declaration, scope);
        return;
    }
    this.#children(node, scope);
  }

  #children(node: AnyNode, scope: Scope): void {
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) {
        for (const item of value) if (isNode(item)) this.#visit(item, scope);
      } else if (isNode(value)) {
        this.#visit(value, scope);
      }
    }
  }

  /** Declares the names of a pattern in `scope`; its default values and computed keys are read in `readers`. */
  #declare(pattern: Pattern, scope: Scope, readers: Scope): void {
    switch (pattern.type) {
      case 'Identifier':
        scope.names.add(pattern.name);
        return;
      case 'ObjectPattern':
        for (const property of pattern.properties) {
          if (property.type === 'RestElement') {
            this.#declare(property.argument, scope, readers);
          } else {
            if (property.computed) this.#visit(property.key, readers);
            this.#declare(property.value, scope, readers);
          }
        }
        return;
      case 'ArrayPattern':
        for (const element of pattern.elements) if (element) this.#declare(element, scope, readers);
        return;
      case 'RestElement':
        this.#declare(pattern.argument, scope, readers);
        return;
      case 'AssignmentPattern':
        this.#declare(pattern.left, scope, readers);
        this.#visit(pattern.right, readers);
        return;
      case 'MemberExpression':
        this.#visit(pattern, readers);
        return;
    }
  }

  #function(node: FunctionNode, scope: Scope, method: boolean): void {
    const arrow = node.type === 'ArrowFunctionExpression';
    // Parameters have a scope of their own: their default values do not see the variables of the body.
    const params = new Scope(scope, 'function');
    if (!arrow) {
      params.ownThis = true;
      params.ownSuper = method;
      params.names.add('arguments');
    }
    for (const param of node.params) this.#declare(param, params, params);
    if (node.body.type === 'BlockStatement') this.#children(node.body, new Scope(params, 'function'));
    else this.#visit(node.body, params);
  }

  #class(node: Class, scope: Scope): void {
    const inner = named(node, scope);
    this.#visit(node.superClass, inner);
    const body = new Scope(inner, 'block');
    const declared = new Set(inner.privateNames);
    for (const member of node.body.body) {
      if (member.type !== 'StaticBlock' && member.key.type === 'PrivateIdentifier') declared.add(member.key.name);
    }
    body.privateNames = declared;
    for (const member of node.body.body) {
      if (member.type !== 'StaticBlock' && member.computed) this.#visit(member.key, body);
      if (member.type === 'MethodDefinition') {
        this.#function(member.value, body, true);
        continue;
      }
      const own = new Scope(body, 'function');
      own.ownThis = true;
      own.ownSuper = true;
      if (member.type === 'StaticBlock') this.#children(member, own);
      else this.#visit(member.value, own);
    }
  }
}

/** The scope in which a function or class expression knows its own name. */
function named(node: FunctionNode | Class, scope: Scope): Scope {
  if (!node.id) return scope;
  const inner = new Scope(scope, 'block');
  inner.names.add(node.id.name);
  return inner;
}

function isDeclared(name: string, from: Scope): boolean {
  for (let scope: Scope | null = from; scope !== null; scope = scope.parent) {
    if (scope.names.has(name) || scope.dynamic) return true;
  }
  return false;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string';
}
