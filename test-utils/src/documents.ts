import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The repository. */
const root = resolve(import.meta.dirname, '../..');

/** The Markdown files that users and contributors read, as absolute paths. */
export async function documents(): Promise<string[]> {
  const packages = (await readdir(join(root, 'packages'))).map((name) => `packages/${name}/README.md`);
  const docs = (await readdir(join(root, 'docs'))).map((name) => `docs/${name}`);
  return ['README.md', 'CONTRIBUTING.md', ...docs, ...packages].map((file) => join(root, file));
}
