import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NixError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addon } from './load-addon.ts';

describe('tryFlock', () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'msb-flock-'));
    file = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('excludes a second open file description of this process', () => {
    const first = openSync(file, 'w');
    const second = openSync(file, 'w');
    expect(addon().tryFlock(first, 'exclusive')).toBe(true);
    expect(addon().tryFlock(second, 'exclusive')).toBe(false);
    expect(addon().tryFlock(second, 'shared')).toBe(false);
    addon().tryFlock(first, 'unlock');
    expect(addon().tryFlock(second, 'shared')).toBe(true);
    expect(addon().tryFlock(first, 'shared')).toBe(true);
    expect(addon().tryFlock(first, 'exclusive')).toBe(false);
    closeSync(first);
    closeSync(second);
  });

  it('excludes another process, and is excluded by it', async () => {
    const fd = openSync(file, 'w');
    const holder = spawn('flock', ['-x', file, 'sh', '-c', 'echo held; read _'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    expect(addon().tryFlock(fd, 'exclusive')).toBe(false);
    holder.stdin.end('\n');
    await once(holder, 'close');
    expect(addon().tryFlock(fd, 'exclusive')).toBe(true);
    const refused = spawn('flock', ['-n', '-x', file, 'true']);
    expect(await once(refused, 'close')).toEqual([1, null]);
    closeSync(fd);
  });

  it('rejects a descriptor that is none', () => {
    expect(() => addon().tryFlock(99_999, 'shared')).toThrow(NixError);
    expect(() => addon().tryFlock(99_999, 'shared')).toThrow(/^flock: Bad file descriptor/);
  });
});
