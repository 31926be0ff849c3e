import { existsSync } from 'node:fs';
import { DEFAULT_HOST_CONFIG, hostConfigPath, parseUtcTimestamp } from '@microsandbox/utils';
import { LocalBackend, listAllSandboxes } from 'microsandbox';
import { parseLabel } from '../values/key-value.ts';

/** What lists show of a sandbox; handles have it too. */
export interface ListedSandbox {
  readonly name: string;
  /** In lower case. */
  readonly status: string;
  readonly configJson: string;
  /** What the running machine was started with, or null. */
  readonly activeConfigJson: string | null;
  readonly createdAt: Date | null;
}

/**
 * Every sandbox that carries all `labels` (`KEY=VALUE` each), newest first. It goes past the class `Sandbox`, which
 * would bring everything with it that can be done to one: `msb ls` has to start fast.
 */
export async function allSandboxes(labels: readonly string[] = []): Promise<ListedSandbox[]> {
  // Nothing asynchronous for the usual case of no configuration: Node would have to load its asynchronous files.
  const backend = new LocalBackend(existsSync(hostConfigPath()) ? {} : { config: DEFAULT_HOST_CONFIG });
  const rows = await listAllSandboxes(backend, Object.fromEntries(labels.map(parseLabel)));
  return rows.map((row) => ({
    name: row.name,
    status: row.status.toLowerCase(),
    configJson: row.config,
    activeConfigJson: row.active_config,
    createdAt: parseUtcTimestamp(row.created_at),
  }));
}
