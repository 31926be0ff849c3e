import { stat, truncate } from 'node:fs/promises';

/** A guest may print without end; above this the console's log starts anew. */
const LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Empties the console's log when it has grown too large. QEMU appends, so its next byte lands at the start.
 *
 * @returns whether it was emptied
 */
export async function limitKernelLog(path: string, limitBytes: number = LIMIT_BYTES): Promise<boolean> {
  const size = await stat(path).then(
    (info) => info.size,
    () => 0,
  );
  if (size <= limitBytes) return false;
  await truncate(path);
  return true;
}
