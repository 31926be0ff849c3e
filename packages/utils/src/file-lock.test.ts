import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireFileLock, tryFileLock } from './file-lock.ts';

const prebuilt = new URL(`../../native/prebuilt/${process.platform}-${process.arch}/`, import.meta.url);
const hasAddon = existsSync(new URL('microsandbox.node', prebuilt));

describe.skipIf(!hasAddon)(`file locks${hasAddon ? '' : ' (skipped: native addon not built)'}`, () => {
  let folder: string;
  let path: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msb-lock-'));
    path = join(folder, 'locks', 'a.lock');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  it('excludes a second holder until released; the file stays, private', async () => {
    const lock = await tryFileLock(path);
    expect(lock).not.toBeNull();
    expect(await tryFileLock(path)).toBeNull();
    await lock?.release();
    await lock?.release();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await using again = await acquireFileLock(path, { timeoutMs: 0 });
    expect(again.path).toBe(path);
  });

  it('lets shared holders in together and an exclusive one only alone', async () => {
    await using first = await acquireFileLock(path, { mode: 'shared' });
    await using second = await acquireFileLock(path, { mode: 'shared', timeoutMs: 0 });
    expect(first.fd).not.toBe(second.fd);
    expect(await tryFileLock(path, 'exclusive')).toBeNull();
  });

  it('waits, with a time-out and a signal', async () => {
    const holder = await acquireFileLock(path);
    await expect(acquireFileLock(path, { timeoutMs: 30 })).rejects.toThrow(/timed out waiting for the lock/);
    await expect(acquireFileLock(path, { signal: AbortSignal.timeout(30) })).rejects.toThrow(/timeout/);
    const waiting = acquireFileLock(path, { timeoutMs: 5000 });
    setTimeout(() => void holder.release(), 50);
    await (await waiting).release();
  });

  it('stays held by a child that inherited it', async () => {
    const lock = await acquireFileLock(path);
    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
    children.push(child);
    await lock.handOver();
    expect(await tryFileLock(path)).toBeNull();
    child.kill('SIGKILL');
    await (await acquireFileLock(path, { timeoutMs: 5000 })).release();
  });

  it('follows no symbolic link', async () => {
    const target = join(folder, 'target');
    await writeFile(target, '');
    const link = join(folder, 'link.lock');
    await symlink(target, link);
    await expect(tryFileLock(link)).rejects.toMatchObject({ code: 'ELOOP' });
  });
});
