import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why the oracle can't be asked here, or null. */
export const noFsckErofs: string | null = await run('fsck.erofs', ['-V'], { timeout: 10_000 }).then(
  () => null,
  (error: unknown) => `fsck.erofs does not run here (Debian package erofs-utils): ${String(error)}`,
);

if (noFsckErofs !== null) console.error(`SKIPPED: ${noFsckErofs}`);

/**
 * Checks an image and, if asked to, unpacks it; throws with what the tool says when it finds anything wrong.
 *
 * @param devices Images that hold the data of a metadata image, in order.
 */
export async function fsckErofs(
  image: string,
  { extractTo, devices = [] }: { readonly extractTo?: string; readonly devices?: readonly string[] } = {},
): Promise<void> {
  const extract = extractTo === undefined ? '--extract' : `--extract=${extractTo}`;
  const args = [extract, ...devices.map((device) => `--device=${device}`), image];
  await run('fsck.erofs', args, { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 });
}
