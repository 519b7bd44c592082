// SPDX-License-Identifier: MIT
// The public API with the expected kind of each argument, from dist/lib/index.d.ts. Items marked @internal are left
// out, and so are those that come from Node's classes.
import { join } from 'node:path';
import ts from 'typescript';

/** The expected kind of an argument. */
export type Shape =
  | { kind: 'number' | 'bigint' | 'string' | 'boolean' | 'function' | 'nothing' | 'anything' }
  | { kind: 'literal'; value: string | number | boolean }
  | { kind: 'union'; of: Shape[] }
  | { kind: 'array'; of: Shape }
  | { kind: 'object'; members: Record<string, Shape> }
  /** A class of this library or of the platform: `AbortSignal`, `Uint32Array`. */
  | { kind: 'instance'; of: string };

/** A member of an object that a program can use. */
export interface Member {
  /** Symbols have the name of their description: `Symbol.asyncDispose`. */
  name: string;
  kind: 'method' | 'getter' | 'accessor';
  /** The parameters of a method; for an accessor, the one value that can be assigned. */
  parameters: Shape[];
}

export interface PublicApi {
  functions: Member[];
  /** The classes by name. */
  classes: Record<string, { statics: Member[]; members: Member[] }>;
}

const DEPTH = 4;

/** Reads the declarations below `root`, which must be built. */
export function readPublicApi(root: string): PublicApi {
  const entry = join(root, 'dist/lib/index.d.ts');
  const program = ts.createProgram([entry], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    strict: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} does not exist: run npm run build`);
  const symbols = checker.getExportsOfModule(module).map((symbol) => resolve(checker, symbol));
  const reader = new Reader(checker);
  return {
    functions: symbols
      .filter(({ flags }) => (flags & ts.SymbolFlags.Function) !== 0)
      .map((symbol) => reader.member(symbol)),
    classes: Object.fromEntries(
      symbols
        .filter(({ flags }) => (flags & ts.SymbolFlags.Class) !== 0)
        .map((symbol) => [symbol.name, reader.class(symbol)]),
    ),
  };
}

/** Returns the symbol behind an export. Device and Group are aliases of a class with its type argument. */
function resolve(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  const target = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
  if ((target.flags & ts.SymbolFlags.TypeAlias) === 0) return target;
  const named = checker.getDeclaredTypeOfSymbol(target).getSymbol();
  return named !== undefined && (named.flags & ts.SymbolFlags.Class) !== 0 ? named : target;
}

class Reader {
  readonly #checker: ts.TypeChecker;

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker;
  }

  class(symbol: ts.Symbol): PublicApi['classes'][string] {
    const members = (type: ts.Type) =>
      this.#checker
        .getPropertiesOfType(type)
        .filter(isOurs)
        .map((each) => this.member(each));
    return {
      statics: members(this.#checker.getTypeOfSymbol(symbol)),
      members: members(this.#checker.getDeclaredTypeOfSymbol(symbol)),
    };
  }

  member(symbol: ts.Symbol): Member {
    const name = symbol.name.replace(/^__@(\w+)@\d+$/, 'Symbol.$1');
    const type = this.#checker.getTypeOfSymbol(symbol);
    const [signature] = type.getCallSignatures();
    if (signature !== undefined) {
      const parameters = signature.getParameters().map((each) => this.#shapeOf(each));
      return { name, kind: 'method', parameters };
    }
    const settable = (symbol.flags & ts.SymbolFlags.SetAccessor) !== 0;
    return settable
      ? { name, kind: 'accessor', parameters: [this.#shape(type, DEPTH)] }
      : { name, kind: 'getter', parameters: [] };
  }

  #shapeOf(parameter: ts.Symbol): Shape {
    return this.#shape(this.#checker.getTypeOfSymbol(parameter), DEPTH);
  }

  #shape(type: ts.Type, depth: number): Shape {
    if (type.isLiteral() && typeof type.value !== 'object') {
      return { kind: 'literal', value: type.value };
    }
    const primitive = primitives.find(([flags]) => (type.flags & flags) !== 0);
    if (primitive !== undefined) return { kind: primitive[1] };
    if (depth === 0) return { kind: 'anything' };
    if (type.isUnion()) {
      return { kind: 'union', of: type.types.map((each) => this.#shape(each, depth)) };
    }
    return (type.flags & ts.TypeFlags.Object) === 0
      ? { kind: 'anything' }
      : this.#objectShape(type, depth - 1);
  }

  #objectShape(type: ts.Type, depth: number): Shape {
    if (type.getCallSignatures().length > 0) return { kind: 'function' };
    if (this.#checker.isArrayType(type)) {
      const [item] = this.#checker.getTypeArguments(type as ts.TypeReference);
      return { kind: 'array', of: item ? this.#shape(item, depth) : { kind: 'anything' } };
    }
    const symbol = type.getSymbol();
    const isClass = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Class) !== 0;
    const isPlatform = symbol?.valueDeclaration !== undefined && !isOurs(symbol);
    if (symbol !== undefined && (isClass || isPlatform))
      return { kind: 'instance', of: symbol.name };
    const properties = this.#checker.getPropertiesOfType(type).filter(isOurs);
    return {
      kind: 'object',
      members: Object.fromEntries(
        properties.map((each) => [
          each.name,
          this.#shape(this.#checker.getTypeOfSymbol(each), depth),
        ]),
      ),
    };
  }
}

const primitives: [ts.TypeFlags, 'number' | 'bigint' | 'string' | 'boolean' | 'nothing'][] = [
  [ts.TypeFlags.NumberLike, 'number'],
  [ts.TypeFlags.BigIntLike, 'bigint'],
  [ts.TypeFlags.StringLike, 'string'],
  [ts.TypeFlags.BooleanLike, 'boolean'],
  [ts.TypeFlags.Undefined | ts.TypeFlags.Null | ts.TypeFlags.Void, 'nothing'],
];

/** Whether this library declares the symbol, and the symbol is public: not internal and not private. */
function isOurs(symbol: ts.Symbol): boolean {
  const declared = symbol.declarations?.some((each) =>
    each.getSourceFile().fileName.includes('/dist/lib/'),
  );
  const isInternal = symbol.getJsDocTags().some(({ name }) => name === 'internal');
  const isPrivate = symbol.name === '#private' || symbol.name === 'prototype';
  return declared === true && !isInternal && !isPrivate;
}
