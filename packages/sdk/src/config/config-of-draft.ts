import type { HostConfig, SandboxConfigRecord } from '@microsandbox/types';
import { arrangeMounts } from './mounts.ts';
import { recordOfDraft } from './record-of-draft.ts';
import type { SandboxDraft } from './sandbox-draft.ts';
import { validateDraft, validateRecord } from './validate-draft.ts';

/**
 * The checked configuration of a draft over the host's defaults.
 *
 * @throws InvalidConfigError
 */
export async function configOfDraft(draft: SandboxDraft, host: HostConfig): Promise<SandboxConfigRecord> {
  validateDraft(draft, host);
  const record = recordOfDraft(draft, host);
  await validateRecord(record);
  return { ...record, mounts: arrangeMounts(record.mounts) };
}
