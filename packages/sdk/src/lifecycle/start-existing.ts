import { access, lstat } from 'node:fs/promises';
import {
  isActive,
  isRunAlive,
  latestRun,
  type SandboxRow,
  sandboxByName,
  setSandboxStatus,
} from '@microsandbox/db';
import {
  CustomError,
  RuntimeError,
  type SandboxConfigRecord,
  SandboxStillRunningError,
  type VmmWish,
} from '@microsandbox/types';
import { sleep } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import type { LaunchMode } from '../backend/sandbox-launcher.ts';
import type { BootPhaseListener } from '../boot-info.ts';
import { withRuntimeDefaults } from '../config/create-defaults.ts';
import { parseRecord } from '../config/parse-record.ts';
import { assertSupported } from '../config/unsupported-features.ts';
import { validateCreate } from '../config/validate-create.ts';
import { tracedBoot } from './boot-trace.ts';
import type { StartedSandbox } from './create-new.ts';
import { requireSandbox, sandboxNotFound } from './find-sandbox.ts';
import { growRootDisk } from './grow-root-disk.ts';
import { launchSandbox } from './launch-sandbox.ts';
import { acquireLifecycleLock } from './lifecycle-lock.ts';
import { prepareDisks } from './prepare-disks.ts';
import { type SandboxPlace, type SandboxTarget, targetOf } from './sandbox-place.ts';

const PREVIOUS_RUN_WAIT_MS = 5000;
const POLL_MS = 50;

/** How to start. */
export interface StartOptions extends VmmWish {
  readonly mode: LaunchMode;
  readonly onBootPhase?: BootPhaseListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Boots a stopped or crashed sandbox again, on its own disk and the image it was made from; nothing is pulled
 * (spec: state 12).
 *
 * @throws SandboxNotFoundError
 * @throws SandboxStillRunningError
 */
export async function startExisting(
  backend: LocalBackend,
  name: string,
  options: StartOptions,
): Promise<StartedSandbox> {
  const row = await requireSandbox(backend, name);
  assertStartable(row);
  const target = await targetOf(backend, row);
  await using lock = await acquireLifecycleLock(target);
  const current = await assertUnchanged(target);
  await waitForPreviousRun(target);
  const host = await backend.config();
  const config = withRuntimeDefaults(await parseRecord(current.config, name), host);
  await validateCreate(config, target.paths);
  assertSupported(config);
  const vmdkPath = await validateStartState(target, config);
  const libkrunfwPath = await backend.launcher.findLibkrunfw({
    layout: target.layout,
    config: host,
    env: backend.env,
  });
  const disksFrom = performance.now();
  await prepareDisks(target, config, { image: null, signal: options.signal });
  await growRootDisk(target, config, options.signal);
  const disks = performance.now() - disksFrom;
  const catalog = await backend.catalog();
  await catalog.write((db) => setSandboxStatus(db, target.id, 'Running'));
  const process = await launchSandbox({
    target,
    config,
    libkrunfwPath,
    vmdkPath,
    mode: options.mode,
    lock,
    wish: options,
    onPhase: tracedBoot(name, options.onBootPhase, backend.env),
    signal: options.signal,
  });
  return { target, config, process, preparedMs: { image: 0, disks } };
}

function assertStartable({ name, status }: SandboxRow): void {
  if (isActive(status)) {
    throw new SandboxStillRunningError(
      `sandbox still running: cannot start sandbox '${name}': already running`,
    );
  }
  if (status !== 'Stopped' && status !== 'Crashed') {
    throw new CustomError(
      `cannot start sandbox '${name}': status is ${status} (expected Stopped or Crashed)`,
    );
  }
}

/** Under the lock: still the same sandbox, and nobody started it meanwhile. */
async function assertUnchanged({ backend, name, id }: SandboxTarget): Promise<SandboxRow> {
  const catalog = await backend.catalog();
  const row = await catalog.read((db) => sandboxByName(db, name));
  if (row === null) throw sandboxNotFound(name);
  const quoted = JSON.stringify(name);
  if (row.id !== id) {
    throw new RuntimeError(
      `runtime error: sandbox ${quoted} identity changed from database id ${id} to ${row.id}; refusing stale start`,
    );
  }
  if (row.status !== 'Stopped' && row.status !== 'Crashed') {
    throw new SandboxStillRunningError(
      `sandbox still running: cannot start sandbox ${quoted}: status changed to ${row.status}`,
    );
  }
  return row;
}

/** A process that has let its lock go may take a moment to be gone. */
async function waitForPreviousRun({ backend, name, id }: SandboxTarget): Promise<void> {
  const catalog = await backend.catalog();
  const run = await catalog.read((db) => latestRun(db, id));
  const deadline = performance.now() + PREVIOUS_RUN_WAIT_MS;
  while (await isRunAlive(run)) {
    if (performance.now() >= deadline) {
      throw new SandboxStillRunningError(
        `sandbox still running: cannot start sandbox ${JSON.stringify(name)}: previous runtime pid ${run?.pid} is still alive`,
        { hint: `end it: msb rm --force ${name}, or kill ${run?.pid}` },
      );
    }
    await sleep(POLL_MS);
  }
}

/**
 * What must be on disk before a start.
 *
 * @returns the joined image of a layered root, else null
 * @throws CustomError
 */
export async function validateStartState(
  place: SandboxPlace,
  config: SandboxConfigRecord,
): Promise<string | null> {
  const { name, paths, layout } = place;
  if ((await lstat(paths.dir).catch(() => null)) === null) {
    throw new CustomError(`sandbox state missing for '${name}': ${paths.dir}`, {
      hint: `what it had written is gone; remove the record: msb rm ${name}`,
    });
  }
  if (!('Oci' in config.image) || config.image.Oci.root_disk?.kind === 'flat') return null;
  if (config.manifest_digest === null) {
    throw new CustomError(`sandbox '${name}' cannot start: it names no image manifest`);
  }
  const { CacheLayout } = await import('@microsandbox/image');
  const vmdkPath = new CacheLayout(layout.cacheDir).vmdk(config.manifest_digest);
  await access(vmdkPath).catch(() => {
    throw new CustomError(`sandbox '${name}' cannot start: VMDK missing: ${vmdkPath}`, {
      hint: `pull its image again: msb pull ${'Oci' in config.image ? config.image.Oci.reference : ''}`,
    });
  });
  return vmdkPath;
}
