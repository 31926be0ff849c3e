import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { codeBlocks, documents, runCommand } from '@microsandbox/test-utils';
import { expect, it } from 'vitest';
import { consumer } from './support/consumer.ts';

const root = resolve(import.meta.dirname, '../..');

/** A user's own settings, with the definitions of Node from this repository. */
const SETTINGS = {
  compilerOptions: {
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    strict: true,
    noEmit: true,
  },
  include: ['*.mts'],
};

it('the TypeScript of all documents fits the packed types', async () => {
  const folder = join(consumer, 'documents');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(SETTINGS));
  const places = new Map<string, string>();
  for (const document of await documents()) {
    for (const { place, context, code } of await codeBlocks(document, 'ts')) {
      const name = `${places.size}.mts`;
      places.set(name, relative(root, place));
      await writeFile(join(folder, name), `${context}${code}export {};\n`);
    }
  }
  expect(places.size).toBeGreaterThan(5);
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { code, stdout } = await runCommand(tsc, ['-p', folder, '--pretty', 'false'], { timeoutMs: 170_000 });
  const named = stdout
    .toString()
    .replaceAll(/^.*?(\d+\.mts)/gm, (_, name: string) => places.get(name) ?? name);
  expect([code, named]).toEqual([0, '']);
});
