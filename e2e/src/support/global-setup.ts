import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of an empty project in which the packed packages are installed. */
    consumer: string;
    /** How sandboxes come to life in this run of the suite. */
    boot: 'warm' | 'cold';
    /** What runs their machines. */
    monitor: 'qemu' | 'krun';
    /** A `cache` folder with the template of sandboxes of the default size; for warm runs. */
    warmCache: string;
  }
}

const root = resolve(import.meta.dirname, '../../..');

/** All runs of the suite use the same project, and the later ones find it. */
let prepared: Promise<{ readonly consumer: string; readonly seed: string }> | undefined;

/** Runs of the suite that still need it. */
let users = 0;

/** Makes what every test needs, once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  prepared ??= packAndInstall().then(async (consumer) => ({ consumer, seed: await makeTemplate(consumer) }));
  const { consumer, seed } = await prepared;
  project.provide('consumer', consumer);
  project.provide('warmCache', join(seed, 'cache'));
  users += 1;
  return async () => {
    users -= 1;
    if (users === 0) await rm(seed, { recursive: true, force: true });
  };
}

/** A home in which only a template was made. */
async function makeTemplate(consumer: string): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'msb-seed-'));
  const env = { ...process.env, MSB_HOME: home, MSB_VMM: 'qemu' };
  await mustRun(join(consumer, 'node_modules/.bin/msb'), ['warm', '-q'], { env, timeoutMs: 300_000 });
  return home;
}

/** Packs every package and installs the tarballs in an empty project: what a user gets from npm. */
async function packAndInstall(): Promise<string> {
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
  return consumer;
}
