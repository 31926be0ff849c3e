import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@microsandbox/test-utils';
import { errnoOf } from '@microsandbox/utils';
import { expect, it } from 'vitest';
import { fakeLauncher } from '../../test/fake-launcher.ts';
import { withBackend } from '../backend/current-backend.ts';
import { LocalBackend } from '../backend/local-backend.ts';
import { Sandbox } from '../sandbox.ts';
import { forceRemoveSandbox } from './force-remove.ts';

/** Writes until nothing more fits. */
async function fill(path: string): Promise<void> {
  const piece = Buffer.alloc(4096, 1);
  for (let index = 0; ; index += 1) {
    try {
      await writeFile(`${path}.${index}`, index === 0 ? Buffer.alloc(2 << 20, 1) : piece);
    } catch (error) {
      if (errnoOf(error) !== 'ENOSPC') throw error;
      if (index > 0) return;
      await rm(`${path}.${index}`, { force: true });
    }
  }
}

it('a full disk gives a coded error, harms nobody, and is over when there is space', async (context) => {
  const mount = await mkdtemp(join(tmpdir(), 'msb-'));
  const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount]);
  if (mounted.code !== 0) context.skip(`cannot mount a tmpfs here: ${mounted.stderr.trim()}`);
  const env = { ...process.env, MSB_HOME: mount };
  const backend = new LocalBackend({ env, launcher: fakeLauncher() });
  const disk = join(mount, 'disk.raw');
  await writeFile(disk, '');
  const create = (name: string) => withBackend(backend, () => Sandbox.builder(name).image(disk).create());
  try {
    const first = await create('first');
    const filler = join(mount, 'filler');
    await mkdir(filler);
    await fill(join(filler, 'f'));
    await expect(create('second')).rejects.toMatchObject({ code: 'noSpace' });
    expect((await first.exec('echo', ['still here'])).stdout()).toBe('still here\n');
    expect((await withBackend(backend, () => Sandbox.list())).sandboxes.map(({ name }) => name)).toEqual([
      'first',
    ]);

    await rm(filler, { recursive: true });
    await using second = await create('second');
    expect((await second.exec('true')).code).toBe(0);
    await first.stop();
    const catalog = await backend.catalog();
    expect(await catalog.read((db) => db.pragma('integrity_check', { simple: true }))).toBe('ok');
  } finally {
    for (const name of ['first', 'second']) await forceRemoveSandbox(backend, name).catch(() => {});
    await backend.close();
    await runCommand('umount', [mount]);
    await rm(mount, { recursive: true });
  }
}, 60_000);
