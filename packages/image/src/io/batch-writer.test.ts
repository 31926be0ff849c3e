import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchWriter } from './batch-writer.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-batch-'));
  path = join(dir, 'file');
});
afterEach(() => rm(dir, { recursive: true }));

/** Bytes that differ everywhere, so that a piece in a wrong place shows. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8)) & 0xff;
  return bytes;
}

describe('BatchWriter', () => {
  it('writes pieces of any length in order', async () => {
    const bytes = pattern(9_000_001);
    const out = new BatchWriter(path);
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 3) % 2_000_003) {
      out.append(bytes.subarray(at, at + step));
      await out.drain();
    }
    expect(out.position).toBe(bytes.length);
    await out.finish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('gives out room in one piece, and zeros up to an alignment', async () => {
    const out = new BatchWriter(path);
    out.append(Buffer.alloc(BatchWriter.maxTake - 3, 1));
    const offset = out.take(10);
    out.buffer.fill(2, offset, offset + 10);
    out.align(4096);
    await out.finish();
    const written = await readFile(path);
    expect(written.length % 4096).toBe(0);
    expect(written.indexOf(2)).toBe(BatchWriter.maxTake - 3);
    expect(written.lastIndexOf(2)).toBe(BatchWriter.maxTake + 6);
    expect(written.subarray(BatchWriter.maxTake + 7).every((byte) => byte === 0)).toBe(true);
  });

  it('leaves long runs of zeros out of the file', async () => {
    const out = new BatchWriter(path);
    const GiB = 1024 ** 3;
    out.appendZeros(GiB);
    out.append(Buffer.from('middle'));
    out.appendZeros(1000);
    for (let i = 0; i < 5000; i++) {
      out.append(Buffer.from('x'));
      out.appendZeros(1024 * 1024);
    }
    await out.drain();
    await out.finish();
    const { size, blocks } = await stat(path);
    expect(size).toBe(GiB + 6 + 1000 + 5000 * (1024 * 1024 + 1));
    expect(blocks * 512).toBeLessThan(100 * 1024 * 1024);
    const handle = await open(path);
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, GiB);
    await handle.close();
    expect(buffer.toString('latin1')).toBe('middle\0\0');
  });

  it('waits for what fills a batch', async () => {
    const out = new BatchWriter(path);
    const offset = out.take(4);
    const { buffer } = out;
    out.waitFor(new Promise((resolve) => setTimeout(resolve, 20)).then(() => buffer.write('late', offset)));
    await out.finish();
    expect(await readFile(path, 'latin1')).toBe('late');
  });

  it('reports a filler that fails', async () => {
    const out = new BatchWriter(path);
    out.take(4);
    out.waitFor(Promise.reject(new ImageError('no data')));
    await expect(out.finish()).rejects.toThrow('no data');
  });

  it('makes no file before there is something to write', async () => {
    const out = new BatchWriter(path);
    await out.finish();
    expect(existsSync(path)).toBe(false);
  });

  it('does not write through a symbolic link', async () => {
    await writeFile(join(dir, 'target'), 'precious');
    await symlink('target', path);
    const out = new BatchWriter(path);
    out.append(Buffer.from('x'));
    await expect(out.finish()).rejects.toThrow(ImageError);
    expect(await readFile(join(dir, 'target'), 'latin1')).toBe('precious');
  });

  it.skipIf(!existsSync('/dev/full'))('says what helps when the disk is full', async () => {
    const out = new BatchWriter('/dev/full');
    out.append(Buffer.alloc(100));
    await expect(out.finish()).rejects.toMatchObject({
      code: 'noSpace',
      message: expect.stringMatching(/^cannot write \/dev\/full: ENOSPC/),
      hint: expect.stringContaining('free some space'),
    });
    await out.abort();
  });
});
