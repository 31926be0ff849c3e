import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addon } from '@microsandbox/native';
import { writeFileAtomic } from '@microsandbox/utils';

/** Finer than any two measurements agree, and coarse enough to be the same at the next start of the host. */
const GRAIN_KHZ = 10;

/**
 * Frequency of the host's time stamp counter in kHz, or null where there is none. Measured once for each start of
 * the host and kept in the cache.
 */
export async function hostTscKhz(cacheDir: string): Promise<number | null> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => null);
  if (boot === null) return null;
  const folder = join(cacheDir, 'tsc');
  const memo = join(folder, boot.trim());
  const known = Number(await readFile(memo, 'latin1').catch(() => ''));
  if (known > 0) return known;
  const measured = await addon().measureTscKhz();
  if (measured === null) return null;
  const khz = Math.round(measured / GRAIN_KHZ) * GRAIN_KHZ;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(memo, String(khz));
  return khz;
}
