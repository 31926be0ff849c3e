import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@microsandbox/utils';
import { fileIdentity } from './file-identity.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * SHA-256 of a file in hex. The answer is remembered in `memoDir` under the file's identity (device, inode,
 * size, times), so that a large file is read once in its life and not at every start.
 */
export async function contentDigest(path: string, memoDir: string): Promise<string> {
  const memo = join(memoDir, await fileIdentity(path));
  const known = await readFile(memo, 'latin1').catch(() => '');
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const digest = await digestOf(path);
  await mkdir(memoDir, { recursive: true, mode: 0o700 });
  await writeFileAtomic(memo, digest);
  return digest;
}

/** Reads in pieces, so that the event loop turns between them. */
async function digestOf(path: string): Promise<string> {
  // Loaded late: most starts find the answer and need no cryptography.
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
