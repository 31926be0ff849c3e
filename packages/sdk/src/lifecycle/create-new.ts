import { rm } from 'node:fs/promises';
import { deleteSandbox, insertSandbox, RootfsRepository } from '@microsandbox/db';
import type { PulledImage } from '@microsandbox/image';
import { type SandboxConfigRecord, UnsupportedError } from '@microsandbox/types';
import { assertGuestDirectory } from '../agent/guest-directory.ts';
import type { LaunchedProcess } from '../backend/sandbox-launcher.ts';
import { withAbsolutePaths } from '../config/absolute-paths.ts';
import { configOfDraft } from '../config/config-of-draft.ts';
import { withCreateDefaults } from '../config/create-defaults.ts';
import { withImageDefaults } from '../config/image-defaults.ts';
import { type ImageInit, withImageInit, withoutInitCommand } from '../config/image-init.ts';
import { assertInit } from '../config/init-command.ts';
import { placementProfile } from '../config/placement-profile.ts';
import { assertSupported } from '../config/unsupported-features.ts';
import { validateCreate } from '../config/validate-create.ts';
import { collectInBackground } from '../images/collect-images.ts';
import { recordImage } from '../images/record-image.ts';
import { resolveImage } from '../images/resolve-image.ts';
import { ensureVolumes } from '../volumes/ensure-volumes.ts';
import { tracedBoot } from './boot-trace.ts';
import type { CreateRequest } from './create-request.ts';
import { launchSandbox } from './launch-sandbox.ts';
import { patchBoundRoot } from './patch-bound-root.ts';
import { type DiskSource, prepareDisks } from './prepare-disks.ts';
import { assertNameFree, claimName } from './prepare-target.ts';
import { type SandboxPlace, type SandboxTarget, sandboxPlace } from './sandbox-place.ts';
import { startupCommandOf } from './startup-command.ts';
import { DEFAULT_KILL_TIMEOUT_MS, killSandbox } from './stop-sandbox.ts';

/** A sandbox whose agent takes commands. */
export interface StartedSandbox {
  readonly target: SandboxTarget;
  readonly config: SandboxConfigRecord;
  readonly process: LaunchedProcess;
  /** The image's init runs the command of this start. */
  readonly initOwnsCommand?: boolean;
  /** Milliseconds of what was done before the process was started. */
  readonly preparedMs: { readonly image: number; readonly disks: number };
}

/**
 * Creates and boots a sandbox (spec: state 11). Whatever goes wrong before the boot leaves nothing behind; a
 * boot that fails leaves the stopped sandbox with its logs.
 */
export async function createNew(request: CreateRequest): Promise<StartedSandbox> {
  const { backend, draft } = request;
  const onBootPhase = tracedBoot(draft.name, request.onBootPhase, backend.env);
  const host = await backend.config();
  if (draft.snapshot !== undefined) {
    throw new UnsupportedError(
      'SandboxBuilder::from_snapshot is not supported by this backend: not in this release',
    );
  }
  const wanted = withCreateDefaults(withAbsolutePaths(await configOfDraft(draft, host)), host);
  const place = await sandboxPlace(backend, wanted.name);
  await validateCreate(wanted, place.paths);
  assertSupported(wanted);
  placementProfile(host, wanted.resources.placement_profile);
  if (request.replaceGraceMs === undefined) await assertNameFree(place);
  const here = { layout: place.layout, config: host, env: backend.env };
  const [libkrunfwPath, choice] = await Promise.all([
    backend.launcher.findLibkrunfw(here),
    backend.launcher.chooseVmm({ ...here, wish: request.wish }),
  ]);

  const image = await timed(() => pull(request, wanted));
  onBootPhase?.({ phase: 'image', elapsedMs: image.ms });
  const command = request.initialCommand ?? null;
  const resolved =
    image.value === null ? { config: wanted, ownsCommand: false } : withImage(wanted, image.value, command);
  const { config, ownsCommand } = resolved;
  assertInit(config.init);
  // Found out before anything is made.
  const startup = request.background && !ownsCommand ? startupCommandOf(config) : null;

  await using lock = await claimName(place, request.replaceGraceMs);
  const volumes = await ensureVolumes(backend, draft.mounts);
  const { target, disks } = await (async () => {
    const row = await insertRow(place, request.detached ? config : withoutInitCommand(resolved));
    const source = { image: image.value, signal: request.signal };
    return { target: row, disks: await timed(() => prepareOrUndo(row, config, source)) };
  })().catch(async (error: unknown) => {
    await volumes.undo();
    throw error;
  });
  if (image.value?.cached === false) collectInBackground(backend);
  onBootPhase?.({ phase: 'disks', elapsedMs: disks.ms });
  const process = await launchSandbox({
    target,
    config,
    libkrunfwPath,
    vmdkPath: image.value?.vmdkPath ?? null,
    mode: request.detached ? 'detached' : 'attached',
    lock,
    startup,
    wish: request.wish,
    choice,
    onPhase: onBootPhase,
    signal: request.signal,
  });
  await finishCreate(target, config);
  return {
    target,
    config,
    process,
    initOwnsCommand: ownsCommand,
    preparedMs: { image: image.ms, disks: disks.ms },
  };
}

/** The image of an OCI sandbox, recorded; null for every other root. */
async function pull(request: CreateRequest, config: SandboxConfigRecord): Promise<PulledImage | null> {
  if (!('Oci' in config.image)) return null;
  const { reference } = config.image.Oci;
  const pulled = await resolveImage(request.backend, {
    reference,
    pullPolicy: config.pull_policy,
    materialization: config.image.Oci.root_disk?.kind === 'flat' ? 'flat' : 'layered',
    registry: request.registry,
    onProgress: request.onPullProgress,
    signal: request.signal,
  });
  await recordImage(request.backend, reference, pulled.image);
  return pulled;
}

function withImage(
  wanted: SandboxConfigRecord,
  { image }: PulledImage,
  command: readonly string[] | null,
): ImageInit {
  const merged = withImageDefaults(wanted, image.config);
  const { config, ownsCommand } = withImageInit(wanted, merged, image.config, command);
  return { config: { ...config, manifest_digest: image.manifest_digest }, ownsCommand };
}

async function insertRow(place: SandboxPlace, config: SandboxConfigRecord): Promise<SandboxTarget> {
  const catalog = await place.backend.catalog();
  const { id } = await catalog.write((db) => insertSandbox(db, config));
  return { ...place, id, ephemeral: config.lifecycle.ephemeral };
}

async function prepareOrUndo(
  target: SandboxTarget,
  config: SandboxConfigRecord,
  source: DiskSource,
): Promise<void> {
  try {
    await prepareDisks(target, config, source);
    await patchBoundRoot(config, source.signal);
    if (config.manifest_digest !== null) {
      const catalog = await target.backend.catalog();
      await new RootfsRepository(catalog).replacePin(target.id, config.manifest_digest);
    }
  } catch (error) {
    await rm(target.paths.dir, { recursive: true, force: true });
    const catalog = await target.backend.catalog();
    await catalog.write((db) => deleteSandbox(db, target.id));
    throw error;
  }
}

/** What can only be checked in the guest; a sandbox that fails it is stopped. */
async function finishCreate(target: SandboxTarget, config: SandboxConfigRecord): Promise<void> {
  const { workdir } = config.runtime;
  if (workdir === null) return;
  try {
    await assertGuestDirectory(target, workdir);
  } catch (error) {
    await killSandbox(target, DEFAULT_KILL_TIMEOUT_MS).catch(() => {});
    throw error;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}
