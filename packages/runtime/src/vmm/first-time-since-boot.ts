import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@microsandbox/utils';
import { bootId } from './boot-id.ts';

/**
 * True for the first caller since the host started: what is said once per home and boot is said by that one. Also true
 * where it cannot be remembered, since saying it twice is better than never.
 */
export async function firstTimeSinceBoot(cacheDir: string, what: string): Promise<boolean> {
  const boot = await bootId();
  if (boot === null) return true;
  const folder = join(cacheDir, 'probe');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await (await open(join(folder, `${boot}.${what}`), 'wx', 0o600)).close();
    return true;
  } catch (error) {
    return errnoOf(error) !== 'EEXIST';
  }
}
