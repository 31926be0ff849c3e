import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../test-support/temp-dir.ts';
import { RotatingFile } from './rotating-file.ts';

describe('RotatingLog', () => {
  it('sets the file aside before it would pass its limit, and keeps four', async () => {
    const path = join(tempDir(), 'a.log');
    const file = new RotatingFile(path, { limitBytes: 10 });
    for (let i = 0; i < 7; i++) {
      file.append(`line ${i}\n`);
      await file.flush();
    }
    await file.close();
    const content = [path, ...[1, 2, 3, 4].map((n) => `${path}.${n}`)].map((name) =>
      readFileSync(name, 'utf8'),
    );
    expect(content).toEqual(['line 6\n', 'line 5\n', 'line 4\n', 'line 3\n', 'line 2\n']);
    expect(existsSync(`${path}.5`)).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('writes what comes while it waits for more, soon or when it is asked to', async () => {
    const path = join(tempDir(), 'a.log');
    const file = new RotatingFile(path);
    let expected = '';
    for (let i = 0; i < 20; i++) {
      expected += `${i}\n`;
      file.append(`${i}\n`);
      if (i % 3 === 0) await file.flush();
      else await new Promise(setImmediate);
    }
    await expect.poll(() => readFileSync(path, 'utf8'), { timeout: 20_000 }).toBe(expected);
    file.append('last\n');
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe(`${expected}last\n`);
  });

  it('counts what the file held before and never divides a piece', async () => {
    const path = join(tempDir(), 'a.log');
    writeFileSync(path, '12345678');
    const file = new RotatingFile(path, { limitBytes: 10 });
    for (const piece of ['abc', 'de', 'a piece longer than the limit', 'f']) file.append(piece);
    await file.close();
    expect(readFileSync(`${path}.3`, 'utf8')).toBe('12345678');
    expect(readFileSync(`${path}.2`, 'utf8')).toBe('abcde');
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('a piece longer than the limit');
    expect(readFileSync(path, 'utf8')).toBe('f');
  });

  it('tells of a file that cannot be written and carries on without', async () => {
    const errors: unknown[] = [];
    const file = new RotatingFile('/nonexistent/a.log', { onError: (error) => errors.push(error) });
    file.append('x');
    await file.flush();
    file.append('y');
    await file.close();
    expect(errors).toHaveLength(1);
    expect(file.backlogBytes).toBe(0);
  });

  it('goes on when it can write again, and tells of the next failure', async () => {
    const folder = join(tempDir(), 'logs');
    const errors: unknown[] = [];
    const file = new RotatingFile(join(folder, 'a.log'), {
      retryMs: 0,
      limitBytes: 4,
      onError: (error) => errors.push(error),
    });
    const append = async (piece: string) => {
      file.append(piece);
      await file.flush();
    };
    await append('lost\n');
    await append('lost too\n');
    mkdirSync(folder);
    await append('kept\n');
    expect(readFileSync(join(folder, 'a.log'), 'utf8')).toBe('kept\n');
    rmSync(folder, { recursive: true });
    await append('lost\n');
    await append('lost\n');
    await file.close();
    expect(errors).toHaveLength(2);
  });

  it('keeps every piece whole, whatever their lengths', async () => {
    const path = join(tempDir(), 'a.log');
    const pieces = Array.from({ length: 400 }, (_, n) => `${n}:${'é'.repeat((n * 7919) % 3000)}\n`);
    const file = new RotatingFile(path, { limitBytes: 250_000 });
    for (const [n, piece] of pieces.entries()) {
      file.append(piece);
      if (n % 50 === 0) await file.flush();
    }
    await file.close();
    const files = [4, 3, 2, 1].map((n) => `${path}.${n}`).filter(existsSync);
    const parts = [...files, path].map((name) => readFileSync(name, 'utf8'));
    expect(pieces.join('').endsWith(parts.join(''))).toBe(true);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(250_000);
  });
});
