import { InvalidConfigError } from '@microsandbox/types';
import * as z from 'zod';
import type { RootfsPatch } from './rootfs-patch.ts';

const path = z.string();
const mode = z.number().int().min(0).max(0xffff_ffff).nullish();
const replace = z.boolean().nullish();
const bytes = z.array(z.number().int().min(0).max(255));

/** Patches as sandbox records keep them: an object with one key, the kind in PascalCase. */
const storedPatchSchema = z.union([
  z.strictObject({ Text: z.object({ path, content: z.string(), mode, replace }) }),
  z.strictObject({ File: z.object({ path, content: bytes, mode, replace }) }),
  z.strictObject({ CopyFile: z.object({ src: path, dst: path, mode, replace }) }),
  z.strictObject({ CopyDir: z.object({ src: path, dst: path, replace }) }),
  z.strictObject({ Symlink: z.object({ target: z.string(), link: path, replace }) }),
  z.strictObject({ Mkdir: z.object({ path, mode }) }),
  z.strictObject({ Remove: z.object({ path }) }),
  z.strictObject({ Append: z.object({ path, content: z.string() }) }),
]);

/**
 * Reads the patches of a sandbox's record.
 *
 * @throws {InvalidConfigError} for anything that is not a patch.
 */
export function parseStoredPatches(records: readonly unknown[]): RootfsPatch[] {
  return records.map((record, index) => {
    const parsed = storedPatchSchema.safeParse(record);
    if (!parsed.success)
      throw new InvalidConfigError(`invalid patch ${index + 1} of the sandbox's configuration`);
    return toPatch(parsed.data);
  });
}

function toPatch(stored: z.infer<typeof storedPatchSchema>): RootfsPatch {
  if ('Text' in stored) return { kind: 'text', ...withoutNulls(stored.Text) };
  if ('File' in stored) {
    return { kind: 'file', ...withoutNulls(stored.File), content: Buffer.from(stored.File.content) };
  }
  if ('CopyFile' in stored) return { kind: 'copyFile', ...withoutNulls(stored.CopyFile) };
  if ('CopyDir' in stored) return { kind: 'copyDir', ...withoutNulls(stored.CopyDir) };
  if ('Symlink' in stored) return { kind: 'symlink', ...withoutNulls(stored.Symlink) };
  if ('Mkdir' in stored) return { kind: 'mkdir', ...withoutNulls(stored.Mkdir) };
  if ('Remove' in stored) return { kind: 'remove', ...stored.Remove };
  return { kind: 'append', ...stored.Append };
}

type WithoutNulls<T> = { [K in keyof T]: Exclude<T[K], null> };

/** An absent setting may be stored as null. */
function withoutNulls<T extends object>(fields: T): WithoutNulls<T> {
  const kept = Object.entries(fields).filter(([, value]) => value !== null);
  return Object.fromEntries(kept) as WithoutNulls<T>;
}
