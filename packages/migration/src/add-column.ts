import type { Database } from 'better-sqlite3';

/** Adds a column unless the table has it already. `declaration` is what follows the name in SQL. */
export function addColumn(db: Database, table: string, column: string, declaration: string): void {
  const exists = db.prepare('SELECT 1 FROM pragma_table_info(?) WHERE name = ?').get(table, column);
  if (exists === undefined) db.exec(`ALTER TABLE "${table}" ADD COLUMN "${column}" ${declaration}`);
}
