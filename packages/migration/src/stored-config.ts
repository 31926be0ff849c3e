import { JsonError } from '@microsandbox/types';
import type { Database } from 'better-sqlite3';

/** Columns of `sandbox` that hold a configuration. */
export type ConfigColumn = 'config' | 'active_config';

/**
 * Refuses to rewrite configurations while one of them is no JSON. The rewriting itself is left to SQLite's
 * JSON functions: they keep key order and the digits of numbers that JavaScript cannot hold.
 *
 * @throws JsonError naming the sandbox row
 */
export function assertConfigsParse(db: Database, column: ConfigColumn): void {
  const broken = db
    .prepare<[], { id: number }>(
      `SELECT id FROM sandbox WHERE ${column} IS NOT NULL AND NOT json_valid(${column}) LIMIT 1`,
    )
    .get();
  if (broken === undefined) return;
  throw new JsonError(`json error: ${column} of sandbox id ${broken.id} is not valid JSON`, {
    hint: 'remove that row from the sandbox table of db/msb.db, or restore a copy of the database',
  });
}
