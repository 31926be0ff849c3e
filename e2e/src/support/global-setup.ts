import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of an empty project in which the packed packages are installed. */
    consumer: string;
  }
}

const root = resolve(import.meta.dirname, '../../..');

/** Packs every package and installs the tarballs in an empty project: what a user gets from npm. */
export default async function setup(project: TestProject): Promise<void> {
  const packed = join(root, '.tmp/e2e-packed');
  const consumer = join(root, '.tmp/e2e-consumer');
  for (const folder of [packed, consumer]) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }
  const dependencies: Record<string, string> = {};
  for (const folder of await readdir(join(root, 'packages'))) {
    const manifest = JSON.parse(await readFile(join(root, 'packages', folder, 'package.json'), 'utf8'));
    await mustRun('npm', ['pack', '--pack-destination', packed, '-w', manifest.name], { cwd: root });
    const tarball = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
    dependencies[manifest.name] = `file:${join(packed, tarball)}`;
  }
  await writeFile(
    join(consumer, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, dependencies }),
  );
  await mustRun('npm', ['install', '--prefer-offline', '--no-fund', '--no-audit'], {
    cwd: consumer,
    timeoutMs: 300_000,
  });
  project.provide('consumer', consumer);
}
