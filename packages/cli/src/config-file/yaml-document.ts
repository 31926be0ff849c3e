import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

/** Keys and list positions that lead to a value. */
export type ValuePath = readonly PropertyKey[];

/** A place in a file, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a file, and where. */
export class DocumentProblem extends Error {
  readonly at: Position;

  constructor(message: string, at: Position) {
    super(message);
    this.at = at;
  }
}

export interface YamlDocument {
  /** Plain data: strings, numbers, booleans, null, arrays and objects. */
  readonly value: unknown;
  /** Where a value stands, or where one that is missing would. */
  positionOf(path: ValuePath): Position;
}

const MAX_DEPTH = 64;
const MAX_NODES = 100_000;
const STANDARD_TAG = 'tag:yaml.org,2002:';

/**
 * Reads one YAML 1.2 document of the plain kind: no anchors, aliases, merge keys, tags of its own or keys given
 * twice, and of bounded size (spec: cli 5).
 *
 * @throws DocumentProblem
 */
export function readYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const document = parsed(text, lines, at);
  assertPlain(document, at);
  return {
    value: document.toJS() as unknown,
    positionOf: (path) => at(deepest(document, path)?.range?.[0] ?? 0),
  };
}

function parsed(text: string, lineCounter: LineCounter, at: (offset: number) => Position): Document {
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false, version: '1.2', merge: false });
    const [error] = document.errors;
    if (error === undefined) return document;
    throw new DocumentProblem(error.message, at(error.pos[0]));
  } catch (error) {
    // The parser calls itself for every level.
    if (error instanceof RangeError) throw tooDeep(at(0));
    throw error;
  }
}

function assertPlain(document: Document, at: (offset: number) => Position): void {
  let nodes = 0;
  visit(document, (_, node, ancestors) => {
    if (isPair(node) && isScalar(node.key) && node.key.value === '<<') {
      throw new DocumentProblem('YAML merge keys are not supported', at(node.key.range?.[0] ?? 0));
    }
    if (!isNode(node)) return;
    const position = at(node.range?.[0] ?? 0);
    if (isAlias(node) || node.anchor !== undefined) {
      throw new DocumentProblem('YAML anchors and aliases are not supported', position);
    }
    if (node.tag?.startsWith(STANDARD_TAG) === false) {
      throw new DocumentProblem('custom YAML tags are not supported', position);
    }
    nodes++;
    if (nodes > MAX_NODES) throw new DocumentProblem(`more than ${MAX_NODES} values`, position);
    if (ancestors.filter(isNode).length > MAX_DEPTH) throw tooDeep(position);
  });
}

function tooDeep(at: Position): DocumentProblem {
  return new DocumentProblem(`nested deeper than ${MAX_DEPTH} levels`, at);
}

/** The node at a path, or the last one on the way to it; of a key of a mapping, the key. */
function deepest(document: Document, path: ValuePath): Node | null {
  let node: Node | null = document.contents;
  for (const [index, step] of path.entries()) {
    if (!isNode(node)) return node;
    const isLast = index === path.length - 1;
    const pair = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      : undefined;
    if (isLast && isNode(pair?.key)) return pair.key;
    const next: unknown = isMap(node) ? pair?.value : document.getIn(path.slice(0, index + 1), true);
    if (!isNode(next)) return node;
    node = next;
  }
  return node;
}
