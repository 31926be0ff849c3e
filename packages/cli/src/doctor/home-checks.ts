import { chmod, stat } from 'node:fs/promises';
import { MicrosandboxError } from '@microsandbox/types';
import type { HomeLayout } from '@microsandbox/utils';
import { LocalBackend } from 'microsandbox';
import type { HostCheck } from './host-check.ts';

/** The home's folders and its database. Creates nothing. */
export async function homeChecks(layout: HomeLayout, env: NodeJS.ProcessEnv): Promise<HostCheck[]> {
  return [await folders(layout), await database(env)];
}

async function folders(layout: HomeLayout): Promise<HostCheck> {
  const name = 'home';
  // Not the cache: what is in it came from public places, and Node makes its folder.
  const { home, dbDir, sandboxesDir, runDir, secretsDir } = layout;
  const found = await Promise.all(
    [home, dbDir, sandboxesDir, runDir, secretsDir].map(async (path) => ({
      path,
      entry: await stat(path).catch(() => null),
    })),
  );
  const present = found.flatMap(({ path, entry }) => (entry === null ? [] : [{ path, entry }]));
  if (present.length === 0) return { name, status: 'ok', value: `${home}, not made yet` };
  const uid = process.geteuid?.();
  const foreign = present.find(({ entry }) => uid !== 0 && uid !== undefined && entry.uid !== uid);
  if (foreign !== undefined) {
    const hint = `give it to your user: sudo chown -R $USER ${foreign.path}`;
    return { name, status: 'problem', value: `${foreign.path} belongs to somebody else`, hint };
  }
  const open = present.filter(({ entry }) => (entry.mode & 0o077) !== 0).map(({ path }) => path);
  if (open.length === 0) return { name, status: 'ok', value: home };
  return {
    name,
    status: 'warning',
    value: `others may look into ${open.join(', ')}`,
    hint: `close it: chmod 700 ${open.join(' ')}`,
    fix: async () => {
      for (const path of open) await chmod(path, 0o700);
      return `closed ${open.join(', ')}`;
    },
  };
}

/** Looks at the catalog without making or migrating it. */
async function database(env: NodeJS.ProcessEnv): Promise<HostCheck> {
  const name = 'database';
  await using backend = new LocalBackend({ env });
  const { dbFile } = await backend.layout();
  if ((await stat(dbFile).catch(() => null)) === null) return { name, status: 'ok', value: 'not made yet' };
  try {
    const version = await backend.reading((catalog) =>
      catalog.read((db) => db.prepare<[], string>('SELECT MAX(version) FROM seaql_migrations').pluck().get()),
    );
    return { name, status: 'ok', value: `${dbFile}, version ${version ?? 'unknown'}` };
  } catch (error) {
    if (!(error instanceof MicrosandboxError)) throw error;
    const hint =
      error.hint ?? `move ${dbFile} away, a new one is made; sandboxes it knew have to be made again`;
    return { name, status: 'problem', value: error.message, hint };
  }
}
