import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { guestPath, parseCopy } from './patch.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-patch-'));
  await writeFile(join(folder, 'a:b'), 'x');
});
afterAll(() => rm(folder, { recursive: true }));

it('copies are parted before the guest path and know what they copy', async () => {
  expect(await parseCopy('--copy', `${folder}/a:b:/x:y`)).toEqual({
    kind: 'copyFile',
    source: `${folder}/a:b`,
    target: '/x:y',
  });
  expect(await parseCopy('--copy', `${folder}:/d`)).toMatchObject({ kind: 'copyDir', target: '/d' });
});

it('copies that cannot be are refused', async () => {
  const cases = [
    ['--copy', `${folder}:d`, '--copy must be in format source:/guest'],
    ['--copy-dir', ':/d', '--copy-dir source path cannot be empty'],
    ['--copy', '/no/such:/d', '--copy: stat /no/such: '],
    ['--copy-file', `${folder}:/d`, `--copy-file: ${folder} is not a file`],
    ['--copy-dir', `${folder}/a:b:/d`, `--copy-dir: ${folder}/a:b is not a directory`],
    ['--copy', '/dev/null:/d', '--copy: /dev/null is not a regular file or directory'],
  ] as const;
  for (const [option, text, message] of cases) {
    await expect(parseCopy(option, text)).rejects.toThrow(message);
  }
});

it('guest paths are absolute', () => {
  expect(guestPath('--mkdir', '/a')).toBe('/a');
  expect(() => guestPath('--mkdir', 'a')).toThrow('--mkdir: guest path must be absolute: a');
  expect(() => guestPath('--rm', '/a\0')).toThrow('--rm: guest path contains a null byte');
});
