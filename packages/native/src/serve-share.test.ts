import { closeSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RuntimeError } from '@microsandbox/types';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addon, type ShareOptions } from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'share-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sharing = (path: string, fd: number): ShareOptions => ({
  fd,
  path,
  readOnly: false,
  statVirt: 'off',
  hostPerms: 'private',
});

/** FUSE_INIT of a Linux 6.12. */
function initRequest(): Buffer {
  const request = Buffer.alloc(104);
  request.writeUInt32LE(104, 0);
  request.writeUInt32LE(26, 4);
  request.writeUInt32LE(7, 40);
  request.writeUInt32LE(41, 44);
  request.writeUInt32LE(131_072, 48);
  return request;
}

it('answers the first request and ends with its connection', async () => {
  const [ours, theirs] = addon().socketPair();
  const share = addon().serveShare(sharing(folder, theirs));
  const socket = new Socket({ fd: ours });
  socket.write(initRequest());
  const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  expect(answer.readUInt32LE(0)).toBe(16 + 64);
  expect(answer.readInt32LE(4)).toBe(0);
  socket.destroy();
  expect(await share.closed).toBeNull();
  share.close();
});

it('says why a share ended', async () => {
  const [ours, theirs] = addon().socketPair();
  const share = addon().serveShare(sharing(folder, theirs));
  new Socket({ fd: ours }).on('error', () => {}).end(Buffer.alloc(40, 0xff));
  expect(await share.closed).toMatch(/^malformed message: \d+ bytes announced$/);
});

it('ends when it is closed', async () => {
  const [ours, theirs] = addon().socketPair();
  const share = addon().serveShare(sharing(folder, theirs));
  share.setDefaultOwner(1000, 1000);
  share.close();
  expect(await share.closed).toBeNull();
  closeSync(ours);
});

it('refuses what is no folder, or one behind a link, with a way out', () => {
  writeFileSync(join(folder, 'file'), 'x');
  symlinkSync(folder, join(folder, 'link'));
  for (const [path, message, hint] of [
    [join(folder, 'none'), /^mount: .*none: No such file or directory/, undefined],
    [join(folder, 'file'), /^mount: .*file: Not a directory/, undefined],
    [
      join(folder, 'link'),
      /^mount: .*link: the path leads through a symbolic link/,
      'name the folder by its real path',
    ],
  ] as const) {
    const [ours, theirs] = addon().socketPair();
    const error = failureOf(() => addon().serveShare(sharing(path, theirs)));
    expect(error).toBeInstanceOf(RuntimeError);
    expect(error.message).toMatch(message);
    expect(error.hint).toBe(hint);
    closeSync(ours);
  }
});

function failureOf(call: () => unknown): RuntimeError {
  try {
    call();
  } catch (error) {
    return error as RuntimeError;
  }
  throw new Error('it did not fail');
}
