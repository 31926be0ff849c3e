import { mustRun } from './run-command.ts';

/** Packs a folder with GNU tar, the way container tools write layers: sorted, owned by root. */
export async function tarFolder(directory: string): Promise<Buffer> {
  const { stdout } = await mustRun('tar', [
    '--create',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@1700000000',
    `--directory=${directory}`,
    '.',
  ]);
  return stdout;
}
