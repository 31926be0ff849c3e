import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RuntimeError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';

/**
 * Refuses to open the catalog while a downgrade of the tools is half done (spec: state 5): every visible
 * folder in `db/self-downgrade` must hold a journal whose phase is `complete`.
 *
 * @throws RuntimeError `self_downgrade_recovery_required: ...`
 */
export async function assertNoSelfDowngrade(dbDir: string): Promise<void> {
  const root = join(dbDir, 'self-downgrade');
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  for (const entry of entries) {
    if (entry.isDirectory() && !entry.name.startsWith('.')) await assertComplete(join(root, entry.name));
  }
}

async function assertComplete(operation: string): Promise<void> {
  const path = join(operation, 'journal.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT'
      ? refusal(`operation directory has no journal: ${operation}`, error)
      : error;
  });
  let phase: unknown;
  try {
    phase = (JSON.parse(text) as { phase?: unknown } | null)?.phase;
  } catch (error) {
    throw refusal(`invalid journal ${path}: ${(error as Error).message}`, error);
  }
  if (phase !== 'complete') throw refusal(`resume the active downgrade recorded at ${path}`);
}

function refusal(reason: string, cause?: unknown): RuntimeError {
  return new RuntimeError(`runtime error: self_downgrade_recovery_required: ${reason}`, {
    cause,
    hint: 'finish the downgrade with the release that began it',
  });
}
