import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runCommand } from '@microsandbox/test-utils';

/** What `engines` of all packages and `msb` itself ask for. */
export const OLDEST_NODE = '22.18.0';

const folder = resolve(import.meta.dirname, '../../../.tmp/e2e-oldest-node');

/** Installs the oldest Node that the packages run on, unless it is there. @returns its path, or why it cannot be had */
export async function installOldestNode(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(folder, 'node_modules', name, 'bin/node');
  if (existsSync(path)) return { path };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const { code, stderr } = await runCommand(
    'npm',
    ['install', '--prefer-offline', '--no-fund', '--no-audit', '--ignore-scripts', `${name}@${OLDEST_NODE}`],
    { cwd: folder, timeoutMs: 120_000 },
  );
  return code === 0 ? { path } : { missing: `npm has no ${name}@${OLDEST_NODE}: ${stderr.split('\n')[0]}` };
}
