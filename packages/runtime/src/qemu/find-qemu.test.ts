import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test-support/temp-dir.ts';
import { findQemu } from './find-qemu.ts';
import { isAtLeast, parseQemuVersion, queryQemuVersion } from './qemu-version.ts';

describe('findQemu', () => {
  it('takes the first program on PATH, not a folder or a file that cannot run', async () => {
    const folder = tempDir();
    const name = 'qemu-system-x86_64';
    for (const sub of ['a', 'b', 'c']) mkdirSync(join(folder, sub));
    mkdirSync(join(folder, 'a', name));
    writeFileSync(join(folder, 'b', name), '', { mode: 0o644 });
    writeFileSync(join(folder, 'c', name), '#!/bin/sh\n', { mode: 0o755 });
    const PATH = ['a', 'b', 'c'].map((sub) => join(folder, sub)).join(':');
    expect(await findQemu({ PATH: `relative:${PATH}` })).toBe(join(folder, 'c', name));
  });

  it('says what to install', async () => {
    const missing = { code: 'vmmNotFound', hint: expect.stringContaining('apt-get install qemu-system-x86') };
    await expect(findQemu({ PATH: '/nonexistent' })).rejects.toMatchObject(missing);
    await expect(findQemu({ MSB_QEMU_PATH: '/nonexistent' })).rejects.toMatchObject({
      ...missing,
      message: expect.stringContaining('MSB_QEMU_PATH'),
    });
  });
});

describe('QEMU versions', () => {
  it('are read from the first line', () => {
    const text = 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c) 2003-2022';
    expect(parseQemuVersion(text)).toEqual({ major: 7, minor: 2, micro: 22 });
    expect(parseQemuVersion('busybox')).toBeNull();
  });

  it('are compared by their parts', () => {
    const version = (major: number, minor: number, micro: number) => ({ major, minor, micro });
    expect(isAtLeast(version(7, 2, 0), version(7, 2, 0))).toBe(true);
    expect(isAtLeast(version(10, 0, 0), version(7, 2, 5))).toBe(true);
    expect(isAtLeast(version(7, 1, 9), version(7, 2, 0))).toBe(false);
  });

  it('cannot be had from a program that is no QEMU', async () => {
    const path = join(tempDir(), 'liar');
    writeFileSync(path, '#!/bin/sh\necho hello\n');
    chmodSync(path, 0o755);
    await expect(queryQemuVersion(path)).rejects.toMatchObject({ code: 'vmmNotFound' });
  });

  it.each([
    ['exit 3', 'exit code 3'],
    ['echo hello >&2; echo no libraries >&2; exit 127', 'no libraries'],
    ['kill -SEGV $$', 'it died of SIGSEGV'],
  ])('cannot be had from one that does %j, in one line', async (script, reason) => {
    const path = join(tempDir(), 'broken');
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await expect(queryQemuVersion(path)).rejects.toThrow(new RegExp(`^cannot run ${path}: ${reason}$`));
  });
});
