import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test-support/temp-dir.ts';
import { agentInitramfs } from './agent-initramfs.ts';
import { cpioArchive } from './cpio-archive.ts';

describe('cpioArchive', () => {
  it('writes headers of 110 bytes, names and contents padded to four', () => {
    const archive = cpioArchive([{ type: 'file', path: 'ab', mode: 0o755, content: Buffer.from('hello') }]);
    const text = archive.toString('latin1');
    expect(text.slice(0, 110)).toBe(
      `070701${['1', '81ed', '0', '0', '1', '0', '5', '0', '0', '0', '0', '3', '0']
        .map((field) => field.padStart(8, '0'))
        .join('')}`,
    );
    // 110 + 3 bytes of name are padded to 116, 5 bytes of content to 8.
    expect(text.slice(110, 124)).toBe('ab\0\0\0\0hello\0\0\0');
    expect(text.slice(124, 130)).toBe('070701');
    expect(archive.length % 4).toBe(0);
    expect(text).toContain('TRAILER!!!\0');
  });

  it('writes the numbers of a device node', () => {
    const archive = cpioArchive([{ type: 'character', path: 'c', mode: 0o600, major: 5, minor: 1 }]);
    const field = (index: number) => archive.toString('latin1', 6 + index * 8, 14 + index * 8);
    expect([field(1), field(9), field(10)]).toEqual(['00002180', '00000005', '00000001']);
  });

  it('is understood by busybox', () => {
    const folder = tempDir();
    const archive = agentInitramfs(Buffer.from('#!agent of odd length'));
    execFileSync('busybox', ['cpio', '-idm', '-H', 'newc'], { cwd: folder, input: archive, stdio: 'pipe' });
    expect(readFileSync(join(folder, 'init'), 'utf8')).toBe('#!agent of odd length');
    const listing = execFileSync('busybox', ['cpio', '-tv', '-H', 'newc'], { input: archive, stdio: 'pipe' });
    expect(listing.toString()).toMatch(/crw-------.*dev\/console/);
    expect(listing.toString()).toMatch(/-rwxr-xr-x.*init/);
  });
});
