import ts from 'typescript';

/** A file of the repository, by its path from the root with forward slashes. */
export interface TreeFile {
  path: string;
  text: string;
}

/** One breach of a rule. Line 1 where the file as a whole is meant. */
export interface Problem {
  path: string;
  line: number;
  message: string;
}

export interface ImportedModule {
  /** As written: `./clock.js`, `node:net` or `@grpc/grpc-js`. */
  specifier: string;
  line: number;
  /** Erased by the compiler: nothing is loaded when the program runs. */
  typeOnly: boolean;
}

/** A global or a property of one, such as `process.env` or `setTimeout`. */
export interface GlobalUse {
  name: string;
  line: number;
}

export interface ParsedFile {
  path: string;
  imports: ImportedModule[];
  globals: GlobalUse[];
  /** Calls such as `it.only(…)` and options such as `{ skip: true }`. */
  testMarks: GlobalUse[];
}

/** Globals that tell the time, wait, or reach outside the process. */
const WATCHED_GLOBALS = new Set([
  'process',
  'console',
  'fetch',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
]);

const TEST_FUNCTIONS = new Set(['it', 'test', 'describe', 'suite']);
const TEST_MARKS = new Set(['only', 'skip', 'todo']);

/** Reads imports and watched globals from the syntax tree: comments and strings do not count. */
export function parseFile(file: TreeFile): ParsedFile {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, true);
  const parsed: ParsedFile = { path: file.path, imports: [], globals: [], testMarks: [] };
  const visit = (node: ts.Node): void => {
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    const imported = importOf(node);
    if (imported !== undefined) parsed.imports.push({ ...imported, line });
    const global = globalOf(node);
    if (global !== undefined) parsed.globals.push({ name: global, line });
    const mark = testMarkOf(node);
    if (mark !== undefined) parsed.testMarks.push({ name: mark, line });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return parsed;
}

function importOf(node: ts.Node): { specifier: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: isTypeOnly(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    if (!ts.isStringLiteral(node.moduleSpecifier)) return undefined;
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument === undefined || !ts.isStringLiteral(argument)) return undefined;
    return { specifier: argument.text, typeOnly: false };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    const { literal } = node.argument;
    if (ts.isStringLiteral(literal)) return { specifier: literal.text, typeOnly: true };
  }
  return undefined;
}

/** `import type …`, or an import of which every name is marked `type`. */
function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  if (name !== undefined || namedBindings === undefined) return false;
  if (!ts.isNamedImports(namedBindings) || namedBindings.elements.length === 0) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
}

function globalOf(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date') {
    // With an argument it only formats a time that was given.
    return (node.arguments?.length ?? 0) === 0 ? 'new Date()' : undefined;
  }
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const name = `${node.expression.text}.${node.name.text}`;
    if (name === 'Date.now' || name === 'Math.random') return name;
    return WATCHED_GLOBALS.has(node.expression.text) ? name : undefined;
  }
  // A bare name counts where it is called: elsewhere it may be a property or a parameter.
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
    const name = node.expression.text;
    return WATCHED_GLOBALS.has(name) ? name : undefined;
  }
  return undefined;
}

function testMarkOf(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  const callee = node.expression;
  if (ts.isPropertyAccessExpression(callee) && ts.isIdentifier(callee.expression)) {
    const isTest = TEST_FUNCTIONS.has(callee.expression.text);
    return isTest && TEST_MARKS.has(callee.name.text) ? callee.name.text : undefined;
  }
  if (!ts.isIdentifier(callee) || !TEST_FUNCTIONS.has(callee.text)) return undefined;
  const options = node.arguments.find(ts.isObjectLiteralExpression);
  const marked = options?.properties.find(
    (property) =>
      ts.isPropertyAssignment(property) &&
      TEST_MARKS.has(property.name.getText()) &&
      property.initializer.kind === ts.SyntaxKind.TrueKeyword,
  );
  return marked?.name?.getText();
}
