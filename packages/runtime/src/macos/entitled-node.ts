import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MicrosandboxError } from '@microsandbox/types';
import { isFile } from '../files/is-file.ts';
import { HYPERVISOR_ENTITLEMENTS } from './hypervisor-entitlements.ts';

/** Copying and signing a hundred megabytes takes a second or two. */
const SIGN_TIMEOUT_MS = 60_000;

/** Where the copy goes, and what makes it. */
export interface EntitledNodeOptions {
  /** Folder of the copies; made when missing. */
  readonly folder: string;
  /** The Node to copy. */
  readonly node?: string;
  /** Apple's signing tool. */
  readonly codesign?: string;
}

/**
 * A copy of Node that may use Hypervisor.framework. macOS gives that right to programs whose signature names the
 * entitlement; Node's own does not, and only the machine's process gets it. The copy is signed ad hoc, for this
 * computer, and made anew for every version of Node.
 *
 * @returns its absolute path
 * @throws MicrosandboxError `vmmNotFound` when it cannot be signed
 */
export async function prepareEntitledNode(options: EntitledNodeOptions): Promise<string> {
  const { folder, node = process.execPath, codesign = '/usr/bin/codesign' } = options;
  const { ino, size, mtimeMs } = await stat(node);
  const name = `node-${[ino, size, Math.floor(mtimeMs)].map((part) => part.toString(36)).join('-')}`;
  const path = join(folder, name);
  if (await isFile(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `.${name}.${process.pid}`);
  const entitlements = `${draft}.plist`;
  try {
    await copyFile(node, draft);
    await writeFile(entitlements, HYPERVISOR_ENTITLEMENTS, { mode: 0o600 });
    await sign(codesign, draft, entitlements);
    await rename(draft, path);
  } finally {
    await Promise.all([draft, entitlements].map((file) => rm(file, { force: true })));
  }
  await forgetOthers(folder, name);
  return path;
}

async function sign(codesign: string, program: string, entitlements: string): Promise<void> {
  const args = ['--force', '--sign', '-', '--entitlements', entitlements, program];
  await promisify(execFile)(codesign, args, { timeout: SIGN_TIMEOUT_MS }).catch((cause: unknown) => {
    throw new MicrosandboxError(
      'vmmNotFound',
      `cannot sign a copy of Node with the hypervisor entitlement: ${(cause as Error).message.trimEnd()}`,
      { cause, hint: 'install Apple’s command line tools: xcode-select --install; QEMU runs without it' },
    );
  });
}

/** Copies of other versions of Node. One that runs goes on running without its name. */
async function forgetOthers(folder: string, name: string): Promise<void> {
  const others = (await readdir(folder)).filter((entry) => entry.startsWith('node-') && entry !== name);
  await Promise.all(others.map((entry) => rm(join(folder, entry), { force: true })));
}
