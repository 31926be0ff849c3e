import type { SandboxRow } from '@microsandbox/db';
import { type HomeLayout, type SandboxPaths, sandboxPaths } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';

/** Where one sandbox lives. */
export interface SandboxPlace {
  readonly backend: LocalBackend;
  readonly layout: HomeLayout;
  readonly name: string;
  readonly paths: SandboxPaths;
}

/** One sandbox, not whoever has its name by now. */
export interface SandboxTarget extends SandboxPlace {
  readonly id: number;
  /** It removes itself when it stops. */
  readonly ephemeral: boolean;
}

/** The sandbox of a row. */
export async function targetOf(
  backend: LocalBackend,
  row: Pick<SandboxRow, 'id' | 'name' | 'ephemeral'>,
): Promise<SandboxTarget> {
  return { ...(await sandboxPlace(backend, row.name)), id: row.id, ephemeral: row.ephemeral === 1 };
}

export async function sandboxPlace(backend: LocalBackend, name: string): Promise<SandboxPlace> {
  const layout = await backend.layout();
  return { backend, layout, name, paths: sandboxPaths(layout, name) };
}
