import { JsonError } from '@microsandbox/types';
import type { Migration } from '../migration.ts';

/** Fills the label table anew from the stored configurations. All are read before anything is deleted. */
export const rebuildSandboxLabels: Migration = {
  name: 'm20260810_000001_rebuild_sandbox_labels',
  up(db) {
    const rows = db.prepare<[], StoredSandbox>('SELECT id, config FROM sandbox').all();
    const labels = rows.flatMap(labelRows);
    db.exec('DELETE FROM sandbox_labels');
    const insert = db.prepare('INSERT INTO sandbox_labels (sandbox_id, key, value) VALUES (?, ?, ?)');
    for (const row of labels) insert.run(row);
  },
};

interface StoredSandbox {
  readonly id: number;
  readonly config: string;
}

/** Rows `[sandbox_id, key, value]` of one sandbox. */
function labelRows({ id, config }: StoredSandbox): [number, string, string][] {
  const fail = (reason: string): JsonError =>
    new JsonError(`rebuild labels for sandbox id ${id}: parse sandbox config JSON: ${reason}`);
  let labels: unknown;
  try {
    labels = (JSON.parse(config) as { labels?: unknown } | null)?.labels;
  } catch (error) {
    throw fail((error as Error).message);
  }
  if (labels === undefined) return [];
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw fail('labels must be an object');
  }
  return Object.entries(labels).map(([key, value]: [string, unknown]) => {
    if (typeof value !== 'string') throw fail(`label ${JSON.stringify(key)} must have a string value`);
    return [id, key, value];
  });
}
