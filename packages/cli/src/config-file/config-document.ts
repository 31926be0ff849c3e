import { readFile, realpath, stat } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';
import type * as z from 'zod';
import { schemaProblem } from './schema-problem.ts';
import type { Position, ValuePath, YamlDocument } from './yaml-document.ts';
import { DocumentProblem, readYaml } from './yaml-document.ts';

const MAX_BYTES = 16 * 1024 * 1024;

/** A file that was read, and how to complain about it. */
export interface ConfigDocument {
  /** As the user named it. */
  readonly path: string;
  /** Where relative paths in it start. */
  readonly folder: string;
  readonly value: unknown;
  /** An error that names file, line and key. */
  complain(path: ValuePath, problem: string): InvalidConfigError;
}

/**
 * Reads a file of one YAML document. `title` is what errors call it, such as `network config`.
 *
 * @throws InvalidConfigError
 */
export async function readConfigDocument(path: string, title: string): Promise<ConfigDocument> {
  const { text, folder } = await contents(path, title);
  const document = yaml(text, path, title);
  return {
    path,
    folder,
    value: document.value,
    complain: (at, problem) => {
      const key = at.length === 0 ? '' : `${keyText(at)}: `;
      return invalid(title, path, `${placeText(document.positionOf(at))}: ${key}${problem}`);
    },
  };
}

/**
 * The value of a document as a schema has it.
 *
 * @throws InvalidConfigError for the first thing that does not fit
 */
export function checkedValue<T>(document: ConfigDocument, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const { path, message } =
    issue === undefined ? { path: [], message: 'cannot be read' } : schemaProblem(issue);
  throw document.complain(path, message);
}

async function contents(path: string, title: string): Promise<{ text: string; folder: string }> {
  try {
    const target = await realpath(path);
    const { size } = await stat(target);
    if (size > MAX_BYTES) throw new Error(`the file is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(target));
    return { text, folder: target.slice(0, target.lastIndexOf('/') + 1) };
  } catch (error) {
    throw new InvalidConfigError(`failed to read ${title} ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function yaml(text: string, path: string, title: string): YamlDocument {
  try {
    return readYaml(text);
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    throw invalid(title, path, `${placeText(error.at)}: ${error.message}`);
  }
}

function invalid(title: string, path: string, problem: string): InvalidConfigError {
  return new InvalidConfigError(`invalid ${title} ${path}: ${problem}`);
}

function placeText({ line, column }: Position): string {
  return `line ${line} column ${column}`;
}

/** `network.dns.nameservers[0]`. */
function keyText(path: ValuePath): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return steps.join('').replace(/^\./, '');
}
