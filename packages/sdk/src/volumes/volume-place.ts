import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireFileLock, type FileLock, type HomeLayout } from '@microsandbox/utils';

/** Where a volume lies (spec: state 2). */
export interface VolumePlace {
  readonly dir: string;
  /** The disk of a volume that is one. */
  readonly disk: string;
  readonly lockFile: string;
}

export function volumePlace({ volumesDir }: HomeLayout, name: string): VolumePlace {
  const dir = join(volumesDir, name);
  return { dir, disk: join(dir, 'disk.raw'), lockFile: join(volumesDir, '.locks', `${name}.lock`) };
}

/** Waits until nobody else makes, takes or removes the volume of this name. */
export async function lockVolume(layout: HomeLayout, name: string): Promise<FileLock> {
  await mkdir(join(layout.volumesDir, '.locks'), { recursive: true, mode: 0o700 });
  return acquireFileLock(volumePlace(layout, name).lockFile);
}
