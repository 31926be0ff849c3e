import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeLayout, sandboxPaths } from '@microsandbox/utils';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeArtifacts } from './sandbox-artifacts.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-artifacts-'));
});
afterEach(() => rm(home, { recursive: true }));

const paths = () => sandboxPaths(homeLayout(home), 'box');

it('remove_dir_if_exists_removes_existing_sandbox_tree', async () => {
  const { dir, scriptsDir } = paths();
  for (const folder of [scriptsDir, join(dir, 'rw')]) await mkdir(folder, { recursive: true });
  await writeFile(join(scriptsDir, 'start.sh'), '#!/bin/sh\n');
  await removeArtifacts({ paths: paths() });
  expect(existsSync(dir)).toBe(false);
});

it('remove_dir_if_exists_ignores_missing_directory', async () => {
  await removeArtifacts({ paths: paths() });
  expect(existsSync(paths().dir)).toBe(false);
});
