import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentdPath } from '@microsandbox/native';
import { type HomeLayout, writeFileAtomic } from '@microsandbox/utils';
import { contentDigest } from '../files/content-digest.ts';
import { isFile } from '../files/is-file.ts';
import { agentInitramfs } from './agent-initramfs.ts';

/** Part of the file's name; changes whenever {@link agentInitramfs} lays the archive out differently. */
const LAYOUT_VERSION = 2;

/**
 * The guest's initramfs with this package's agent, from the cache:
 * `initramfs/<SHA-256 of the agent>-<layout version>.cpio`.
 */
export async function prepareInitramfs(options: {
  readonly layout: Pick<HomeLayout, 'cacheDir'>;
}): Promise<string> {
  const folder = join(options.layout.cacheDir, 'initramfs');
  const agent = agentdPath();
  const digest = await contentDigest(agent, join(folder, 'by-file'));
  const path = join(folder, `${digest}-${LAYOUT_VERSION}.cpio`);
  if (await isFile(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, agentInitramfs(await readFile(agent)));
  return path;
}
