import { isActive, type SandboxRow, sandboxById, updateSandboxConfig } from '@microsandbox/db';
import { RuntimeError, type SandboxConfigRecord } from '@microsandbox/types';
import { assertEnvironment } from '../config/environment.ts';
import { assertLabels } from '../config/labels.ts';
import { parseRecord } from '../config/parse-record.ts';
import { refreshTarget, sandboxNotFound } from '../lifecycle/find-sandbox.ts';
import { growRootDisk } from '../lifecycle/grow-root-disk.ts';
import { acquireLifecycleLock } from '../lifecycle/lifecycle-lock.ts';
import type { SandboxTarget } from '../lifecycle/sandbox-place.ts';
import { startExisting } from '../lifecycle/start-existing.ts';
import { DEFAULT_STOP_TIMEOUT_MS, stopSandbox } from '../lifecycle/stop-sandbox.ts';
import { applyLive } from './apply-live.ts';
import type { ModifyOptions, SandboxModificationPlan } from './modification.ts';
import { modifiedRecord } from './modified-record.ts';
import { assertApplicable, modificationPolicy, needsRestart, planModification } from './plan-modification.ts';
import { secretsOf } from './secret-changes.ts';

/**
 * Changes a sandbox, all of what was asked for or nothing. With `dryRun` it only says what would change. With
 * policy `restart` a running sandbox is stopped and, detached from this process, started again.
 *
 * @throws CustomError for what cannot be applied
 * @throws InvalidConfigError for a variable or label that is not acceptable
 */
export async function modifySandbox(
  target: SandboxTarget,
  options: ModifyOptions = {},
): Promise<SandboxModificationPlan> {
  modificationPolicy(options.policy);
  const row = await refreshTarget(target);
  if (row === null) throw sandboxNotFound(target.name);
  const record = await parseRecord(row.config, row.name);
  const plan = planModification(record, row.status, options, await liveSecrets(row));
  if (options.dryRun === true) return plan;
  assertApplicable(plan);
  assertEnvironment(Object.entries(options.env ?? {}).map(([key, value]) => ({ key, value })));
  assertLabels(options.labels ?? {});
  const modified = modifiedRecord(record, options);
  const restart = needsRestart(plan);
  if (restart) await stopSandbox(target, DEFAULT_STOP_TIMEOUT_MS);
  else await applyLive(target, plan, options, modified);
  if (plan.changes.some(({ field }) => field === 'root_disk_size') && (restart || !isActive(row.status))) {
    await using _lock = await acquireLifecycleLock(target);
    await growRootDisk(target, modified);
    await persist(target, { before: row.config, after: modified });
  } else {
    // The disk of a sandbox that runs on grows when it starts the next time.
    await persist(target, { before: row.config, after: modified });
  }
  if (restart) await startExisting(target.backend, target.name, { mode: 'detached' });
  return { ...plan, applied: true };
}

/** Names of the secrets that the running machine was started with. */
async function liveSecrets({ active_config, name, status }: SandboxRow): Promise<ReadonlySet<string>> {
  if (active_config === null || !isActive(status)) return new Set();
  const active = await parseRecord(active_config, name);
  return new Set(secretsOf(active).map(({ env_var }) => env_var));
}

async function persist(
  target: SandboxTarget,
  { before, after }: { readonly before: string; readonly after: SandboxConfigRecord },
): Promise<void> {
  const catalog = await target.backend.catalog();
  await catalog.write((db) => {
    const current = sandboxById(db, target.id);
    if (current === null) throw sandboxNotFound(target.name);
    if (current.config !== before) {
      throw new RuntimeError(
        `runtime error: sandbox '${target.name}' was modified by somebody else at the same time`,
        { hint: 'try again' },
      );
    }
    updateSandboxConfig(db, target.id, after);
  });
}
