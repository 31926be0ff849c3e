import { listSandboxes as queryList, type SandboxRow } from '@microsandbox/db';
import { MicrosandboxError } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';
import type { SandboxListOptions } from '../builders/sandbox-list-builder.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import { reconcileRows } from './reconcile-rows.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** One page of a list. */
export interface SandboxRowPage {
  readonly rows: readonly SandboxRow[];
  /** Set when more follow. */
  readonly nextCursor?: string;
}

/**
 * Lists sandboxes, newest first, each brought in line with the operating system. Labels must all match.
 *
 * @throws InvalidConfigError for a limit outside 1 to 100
 * @throws MicrosandboxError `invalidCursor`
 */
export async function listSandboxes(
  backend: LocalBackend,
  options: SandboxListOptions = {},
): Promise<SandboxRowPage> {
  const { limit = DEFAULT_LIMIT, cursor, labels } = options;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    throw invalidConfig(`sandbox list limit must be between 1 and ${MAX_LIMIT}`);
  }
  const beforeId = cursor === undefined ? undefined : decodeCursor(cursor);
  const found = await backend.reading((catalog) =>
    catalog.read((db) => queryList(db, { limit: limit + 1, beforeId, labels })),
  );
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: await reconcileRows(backend, page),
    ...(found.length > limit && last !== undefined && { nextCursor: encodeCursor(last.id) }),
  };
}

/** A cursor is the base64url of the last row's decimal id. */
export function encodeCursor(id: number): string {
  return Buffer.from(String(id)).toString('base64url');
}

function decodeCursor(cursor: string): number {
  const bytes = Buffer.from(cursor, 'base64url');
  if (cursor === '' || bytes.toString('base64url') !== cursor) throw invalidCursor('encoding');
  const text = bytes.toString('latin1');
  const id = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(id)) throw invalidCursor('payload');
  return id;
}

function invalidCursor(part: 'encoding' | 'payload'): MicrosandboxError {
  return new MicrosandboxError('invalidCursor', `invalid cursor: invalid sandbox list cursor ${part}`);
}
