// SPDX-License-Identifier: MIT
// The operations of the public API, from the declarations in the package. Tests of "every operation" must have them
// all.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as Compiler from 'typescript';

// Not imported, because jest would transform it: all nine megabytes.
const ts = createRequire(import.meta.url)('typescript') as typeof Compiler;

const root = fileURLToPath(new URL('../../dist/lib/', import.meta.url));

/**
 * `openDevice`, `new VfioError`, `Container.open (static)`, `Region.read32`, `Device.busMaster`, `Device.busMaster=`,
 * `Group.[asyncDispose]`: functions, constructors, methods and accessors that any program can call. Items marked
 * `@internal` and members inherited from Node are left out.
 */
export function publicOperations(): string[] {
  return readDeclarations().operations;
}

/**
 * The keys of every interface with optional members, by the name of the interface. Callers pass such objects as
 * options.
 */
export function publicOptions(): Record<string, string[]> {
  return readDeclarations().options;
}

interface Declarations {
  operations: string[];
  options: Record<string, string[]>;
}

function readDeclarations(): Declarations {
  const program = ts.createProgram([`${root}index.d.ts`], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    // The types of Node and of the language are not needed, and reading them takes half of the time.
    noLib: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const index = program.getSourceFile(`${root}index.d.ts`);
  const module = index && checker.getSymbolAtLocation(index);
  if (module === undefined)
    throw new Error('dist/lib/index.d.ts does not exist: run npm run build');
  const found = new Set<string>();
  const options: Record<string, string[]> = {};
  const seen = new Set<Compiler.Node>();
  for (const exported of checker.getExportsOfModule(module)) visit(exported);
  return { operations: [...found].sort(), options };

  function visit(symbol: Compiler.Symbol): void {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    for (const declaration of target.declarations ?? []) {
      if (seen.has(declaration) || !isOurs(declaration)) continue;
      seen.add(declaration);
      for (const operation of operationsOf(declaration)) found.add(operation);
      if (ts.isInterfaceDeclaration(declaration) && isOptions(declaration)) {
        options[declaration.name.text] = checker
          .getPropertiesOfType(checker.getTypeAtLocation(declaration))
          .map(({ name }) => name);
      }
      // An alias is composed of other types: a Register of Readable, Writable and so on.
      if (ts.isTypeAliasDeclaration(declaration)) visitReferences(declaration.type);
    }
  }

  function visitReferences(node: Compiler.Node): void {
    if (ts.isTypeReferenceNode(node)) {
      const symbol = checker.getSymbolAtLocation(node.typeName);
      if (symbol !== undefined) visit(symbol);
    }
    ts.forEachChild(node, visitReferences);
  }
}

function isOurs(declaration: Compiler.Declaration): boolean {
  return declaration.getSourceFile().fileName.startsWith(root);
}

/** Whether callers pass this interface as options: then it has optional members. */
function isOptions({ members }: Compiler.InterfaceDeclaration): boolean {
  return members.some(
    (member) => ts.isPropertySignature(member) && member.questionToken !== undefined,
  );
}

function operationsOf(declaration: Compiler.Declaration): string[] {
  if (isInternal(declaration)) return [];
  if (ts.isFunctionDeclaration(declaration)) return [declaration.name?.text ?? ''];
  if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) return [];
  const owner = declaration.name?.text ?? '';
  const members: readonly Compiler.Node[] = declaration.members;
  return [
    ...members.filter((member) => !isInternal(member)).flatMap((member) => nameOf(owner, member)),
    ...disposalOf(owner, declaration),
  ];
}

/** An interface that extends AsyncDisposable does not repeat its method. */
function disposalOf(
  owner: string,
  declaration: Compiler.ClassDeclaration | Compiler.InterfaceDeclaration,
): string[] {
  if (!ts.isInterfaceDeclaration(declaration)) return [];
  const bases = declaration.heritageClauses?.flatMap(({ types }) => [...types]) ?? [];
  const extended = bases.map(({ expression }) => expression.getText());
  return [
    ...(extended.includes('AsyncDisposable') ? [`${owner}.[asyncDispose]`] : []),
    ...(extended.includes('Disposable') ? [`${owner}.[dispose]`] : []),
  ];
}

function nameOf(owner: string, member: Compiler.Node): string[] {
  if (ts.isConstructorDeclaration(member)) return [`new ${owner}`];
  if (ts.isMethodDeclaration(member) || ts.isMethodSignature(member)) {
    const modifiers = ts.canHaveModifiers(member) ? ts.getModifiers(member) : undefined;
    const isStatic = modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
    return [`${owner}.${text(member.name)}${isStatic ? ' (static)' : ''}`];
  }
  if (ts.isGetAccessor(member)) return [`${owner}.${text(member.name)}`];
  if (ts.isSetAccessor(member)) return [`${owner}.${text(member.name)}=`];
  return [];
}

/** `[Symbol.dispose]` is `[dispose]`. */
function text(name: Compiler.PropertyName): string {
  return name.getText().replace('Symbol.', '');
}

function isInternal(node: Compiler.Node): boolean {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}
