import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { decodeDeviceNumber } from '../src/erofs/device-number.ts';

const TYPES = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o020000, 'char-device'],
  [0o060000, 'block-device'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
]);

/**
 * What is below a host folder, as sorted lines: path, type, permissions, owner, time, content. Set-id bits are left
 * out, since unpacking tools lose them on the way (they change the owner last).
 */
export async function dumpFolder(folder: string): Promise<string[]> {
  const lines: string[] = [];
  await visit(Buffer.from(folder), '', lines);
  return lines.sort();
}

async function visit(folder: Buffer, path: string, lines: string[]): Promise<void> {
  for (const name of await readdir(folder, { encoding: 'buffer' })) {
    const full = Buffer.concat([folder, Buffer.from('/'), name]);
    const shown = `${path}/${name.toString('latin1')}`;
    const stats = await lstat(full);
    const type = TYPES.get(stats.mode & 0o170000);
    const facts: unknown[] = [shown, type, (stats.mode & 0o777).toString(8), stats.uid, stats.gid];
    // The time of a link is not everywhere settable.
    if (type !== 'symlink') facts.push(Math.floor(stats.mtimeMs / 1000));
    if (type === 'symlink') facts.push((await readlink(full, { encoding: 'buffer' })).toString('latin1'));
    if (type === 'char-device' || type === 'block-device')
      facts.push(JSON.stringify(decodeDeviceNumber(stats.rdev)));
    if (type === 'file')
      facts.push(
        stats.size,
        createHash('sha256')
          .update(await readFile(full))
          .digest('hex'),
      );
    lines.push(facts.join(' '));
    if (type === 'directory') await visit(full, shown, lines);
  }
}
