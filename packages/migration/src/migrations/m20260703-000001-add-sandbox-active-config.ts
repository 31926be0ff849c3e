import { addColumn } from '../add-column.ts';
import type { Migration } from '../migration.ts';

/** The configuration a running machine was started with, beside the desired one. */
export const addSandboxActiveConfig: Migration = {
  name: 'm20260703_000001_add_sandbox_active_config',
  up(db) {
    addColumn(db, 'sandbox', 'active_config', 'text');
  },
};
