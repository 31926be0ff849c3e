import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { CustomError } from '@microsandbox/types';
import type { SandboxFsOps } from 'microsandbox';
import { writeStream } from '../actions/write-stream.ts';
import { hostError } from '../errors/host-error.ts';
import { withFolders } from './archive-folders.ts';
import { baseName } from './base-name.ts';
import type { CopyEndpoint } from './copy-endpoint.ts';
import { copyTree } from './copy-tree.ts';
import { GuestSink, statOrNull } from './guest-sink.ts';
import { guestTree } from './guest-tree.ts';
import { HostSink } from './host-sink.ts';
import { hostTree } from './host-tree.ts';
import { TarSink } from './tar-sink.ts';
import { tarTree } from './tar-tree.ts';
import type { TreeSink, TreeSource } from './tree-entry.ts';

type SandboxEndpoint = Extract<CopyEndpoint, { kind: 'sandbox' }> & { readonly files: SandboxFsOps };

/** An end of a copy, connected where it is in a sandbox. */
export type OpenEndpoint = Exclude<CopyEndpoint, { kind: 'sandbox' }> | SandboxEndpoint;

/** Copies what is at `from` to `to`; one of them is in a sandbox. */
export async function copyBetween(from: OpenEndpoint, to: OpenEndpoint): Promise<void> {
  if (from.kind === 'archive') {
    const { files, sandbox, path } = to as SandboxEndpoint;
    const entries = withFolders(tarTree(process.stdin), files, path);
    return await copyTree(entries, new GuestSink({ files, sandbox, root: path }));
  }
  await copyTree(sourceOf(from), await sinkOf(from, to));
}

function sourceOf(from: Exclude<OpenEndpoint, { kind: 'archive' }>): TreeSource {
  return from.kind === 'host' ? hostTree(from.path) : guestTree(from, from.path);
}

async function sinkOf(from: Exclude<OpenEndpoint, { kind: 'archive' }>, to: OpenEndpoint): Promise<TreeSink> {
  switch (to.kind) {
    case 'archive': {
      const root = posix.normalize(from.path) === '/' ? '.' : baseName(from.path);
      return new TarSink(root, (bytes) => writeStream(process.stdout, bytes));
    }
    case 'host': {
      const path = await hostTarget(from.path, to.path);
      return new HostSink({ path, guestRoot: from.path });
    }
    case 'sandbox': {
      const root = await guestTarget(from.path, to);
      if (from.kind === 'sandbox' && from.sandbox === to.sandbox) await assertApart(from, root);
      return new GuestSink({ files: to.files, sandbox: to.sandbox, root });
    }
  }
}

/** An existing folder gets the copy inside, under its own name. */
async function hostTarget(source: string, destination: string): Promise<string> {
  const existing = await stat(destination).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw hostError(destination, error);
  });
  return existing?.isDirectory() ? join(destination, baseName(source)) : destination;
}

/** The same in a sandbox, and for paths that end in a slash. */
async function guestTarget(source: string, { files, path }: SandboxEndpoint): Promise<string> {
  const isFolder = path.endsWith('/') || (await statOrNull(files, path))?.kind === 'directory';
  return isFolder ? posix.join(path, baseName(source)) : path;
}

/** A tree in itself would never end, and a file copied onto itself would be emptied. */
async function assertApart({ files, path }: SandboxEndpoint, root: string): Promise<void> {
  // A link is copied as a link, wherever it leads.
  if ((await files.lstat(path)).kind === 'symlink') return;
  const [source, target] = [await files.realPath(path), await files.realPath(root).catch(() => root)];
  if (`${target}/`.startsWith(source.endsWith('/') ? source : `${source}/`)) {
    throw new CustomError(`cannot copy ${path} into itself: ${root}`);
  }
}
