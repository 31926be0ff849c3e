import { LocalBackend } from 'microsandbox';

/** A sandbox that is only a row. */
export interface CatalogRow {
  readonly name: string;
  readonly status: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Adds sandboxes to a home's catalog, the last one newest; nothing of theirs exists outside of it. */
export async function fillCatalog(home: string, rows: readonly CatalogRow[]): Promise<void> {
  await using backend = new LocalBackend({ env: { MSB_HOME: home } });
  const catalog = await backend.catalog();
  await catalog.write((db) => {
    for (const { name, status, labels = {} } of rows) {
      const config = {
        name,
        image: { Oci: { reference: `docker.io/library/${name}` } },
        resources: { cpus: 2, memory_mib: 2048 },
        runtime: { entrypoint: ['run'], cmd: ['it'] },
      };
      const { lastInsertRowid } = db
        .prepare('INSERT INTO sandbox (name, config, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?)')
        .run(name, JSON.stringify(config), status, '2024-01-02 03:04:05.678', '2024-01-02 03:04:05.678');
      for (const [key, value] of Object.entries(labels)) {
        db.prepare('INSERT INTO sandbox_labels (sandbox_id, key, value) VALUES (?, ?, ?)').run(
          lastInsertRowid,
          key,
          value,
        );
      }
    }
  });
}
