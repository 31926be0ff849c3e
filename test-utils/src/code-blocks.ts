import { readFile } from 'node:fs/promises';

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  /** File and line of the block, for messages. */
  readonly place: string;
  /** What stands in the block. */
  readonly code: string;
  /** What stands in HTML comments right before it: declarations that a reader knows and a compiler needs. */
  readonly context: string;
}

const BLOCK = /((?:^<!--[\s\S]*?-->\n)*)^```(\w+)\n([\s\S]*?)^```$/gm;

/** The fenced blocks of a Markdown file in one of the languages. */
export async function codeBlocks(file: string, ...languages: readonly string[]): Promise<CodeBlock[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(BLOCK)]
    .filter(([, , language = '']) => languages.includes(language))
    .map(({ 0: all, 1: comments = '', 3: code = '', index }) => ({
      place: `${file}:${text.slice(0, index + all.indexOf('```')).split('\n').length}`,
      code,
      context: comments.replaceAll(/^<!--|-->$/gm, ''),
    }));
}
