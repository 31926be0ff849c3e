import { guestPathText } from '@microsandbox/protocol';
import type { FsConnection } from './fs-connection.ts';
import { type FsEntry, fsEntryOf } from './fs-entry.ts';
import { fsError } from './fs-error.ts';
import type { GuestPath } from './guest-path.ts';

/** Entries of one folder that are kept in memory at most. */
const MAX_ENTRIES = 2_000_000;

/** What the agent says of a listing that is too large for one frame. */
const TOO_LARGE = /entries do not fit in one answer/;

/** All entries of a folder: in one answer, or, where they are too many for it, batch by batch. */
export async function listEntries(connection: FsConnection, path: GuestPath): Promise<FsEntry[]> {
  try {
    return (await connection.entries({ kind: 'List', path })).map(fsEntryOf);
  } catch (error) {
    if (!TOO_LARGE.test((error as Error).message)) throw error;
  }
  const entries: FsEntry[] = [];
  const handle = await connection.handle({ kind: 'OpenDir', path });
  try {
    for (;;) {
      const batch = await connection.entries({ kind: 'ReadDir', handle, limit: 10_000 });
      if (batch.length === 0) return entries;
      for (const info of batch) entries.push(fsEntryOf(info));
      if (entries.length > MAX_ENTRIES)
        throw fsError(`more than ${MAX_ENTRIES} entries in ${guestPathText(path)}`);
    }
  } finally {
    await connection.closeHandle(handle).catch(() => {});
  }
}
