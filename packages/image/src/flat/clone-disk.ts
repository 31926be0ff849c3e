import { constants } from 'node:fs';
import { copyFile, open, rm } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import { nonzeroRuns } from '../ext4/nonzero-runs.ts';
import { writeFully } from '../ext4/write-fully.ts';
import { hostFileError } from '../io/host-file-error.ts';

/**
 * How a disk is cloned: `reflink` shares its blocks until one side changes them, which takes no time and no space but
 * not every file system can; `copy` copies what is not zero; `auto` takes the first that works.
 */
export type CloneStrategy = 'auto' | 'copy' | 'reflink';

const STEP_BYTES = 1024 * 1024;

/** Clones a disk to a new file; says how it was done. Holes stay holes. Nothing is synced. */
export async function cloneDisk(
  source: string,
  target: string,
  { strategy, signal }: { readonly strategy: CloneStrategy; readonly signal?: AbortSignal | undefined },
): Promise<'copy' | 'reflink'> {
  if (strategy !== 'copy') {
    try {
      await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      return 'reflink';
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw hostFileError('write', target, error);
      // A failed clone can leave an empty file.
      await rm(target, { force: true });
      if (strategy === 'reflink') throw noReflink(error);
    }
  }
  await copyNonzero(source, target, signal);
  return 'copy';
}

async function copyNonzero(source: string, target: string, signal: AbortSignal | undefined): Promise<void> {
  const input = await open(source, 'r').catch((error: unknown) => {
    throw hostFileError('read', source, error);
  });
  try {
    const output = await open(target, 'wx', 0o600).catch((error: unknown) => {
      throw hostFileError('write', target, error);
    });
    try {
      const { size } = await input.stat();
      await output.truncate(size);
      const buffer = Buffer.allocUnsafeSlow(STEP_BYTES);
      for (let position = 0; position < size; ) {
        signal?.throwIfAborted();
        const { bytesRead } = await input.read(buffer, 0, STEP_BYTES, position);
        if (bytesRead === 0) throw new ImageError(`cannot read ${source}: it was cut while it was copied`);
        for (const { offset, bytes } of nonzeroRuns(buffer.subarray(0, bytesRead))) {
          await writeFully(output, target, bytes, position + offset);
        }
        position += bytesRead;
      }
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}

function noReflink(cause: unknown): ImageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ImageError(`flat rootfs requested clone=reflink, but the clone failed: ${reason}`, {
    cause,
    hint: 'use clone=auto, or keep cache and sandboxes on one file system that can (Btrfs, XFS)',
  });
}
