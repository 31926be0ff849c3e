import { stat } from 'node:fs/promises';
import type { SandboxConfigRecord } from '@microsandbox/types';
import {
  assertSocketPathsFit,
  type SandboxPaths,
  validateHostname,
  validateSandboxName,
} from '@microsandbox/utils';
import { assertEnvironment } from './environment.ts';
import { assertInit } from './init-command.ts';
import { invalidConfig } from './invalid-config.ts';
import { assertLabels } from './labels.ts';
import { arrangeMounts } from './mounts.ts';
import { assertRootDisk } from './root-disk-rules.ts';
import type { StoredImage } from './rootfs-source.ts';

/**
 * Checks a configuration before anything is made of it, also one that no builder has seen, in the order of the
 * reference implementation (spec: state 11, step 3).
 *
 * @throws InvalidConfigError
 */
export async function validateCreate(config: SandboxConfigRecord, paths: SandboxPaths): Promise<void> {
  validateHostname(config.runtime.hostname);
  validateSandboxName(config.name);
  assertSocketPathsFit(paths);
  await validateRootfsSource(config.image);
  assertRootDisk(config);
  assertEnvironment(config.env);
  assertLabels(config.labels);
  arrangeMounts(config.mounts);
  assertInit(config.init);
  assertScriptNames(config.runtime.scripts);
}

/** @throws InvalidConfigError when a folder or disk image is not there */
export async function validateRootfsSource(image: StoredImage): Promise<void> {
  if ('Bind' in image) {
    const { path } = image.Bind;
    const entry = await stat(path).catch(() => null);
    if (entry === null) throw invalidConfig(`rootfs bind path does not exist: ${path}`);
    if (!entry.isDirectory()) throw invalidConfig(`rootfs bind path is not a directory: ${path}`);
  } else if ('DiskImage' in image) {
    const { path } = image.DiskImage;
    const entry = await stat(path).catch(() => null);
    if (entry === null) throw invalidConfig(`disk image does not exist: ${path}`);
    if (!entry.isFile()) throw invalidConfig(`disk image is not a regular file: ${path}`);
  }
}

/** A script is one file in one folder. */
function assertScriptNames(scripts: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(scripts)) {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      throw invalidConfig(`invalid script name: ${name}`);
    }
  }
}
