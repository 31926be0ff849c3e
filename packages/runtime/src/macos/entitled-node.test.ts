import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareEntitledNode } from './entitled-node.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'msb-entitled-'));
});
afterEach(() => rm(root, { recursive: true }));

/** A program in the place of Apple's: it writes down what it was asked, then does `then`. */
async function signer(then: string): Promise<string> {
  const path = join(root, 'codesign');
  const script = `#!/bin/sh\necho "$1 $2 $3 $4" >> ${root}/asked\ncat "$5" > ${root}/entitlements\n${then}\n`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

describe('prepareEntitledNode', () => {
  it('copies Node, signs the copy for the hypervisor, and keeps it', async () => {
    const node = join(root, 'node');
    await writeFile(node, 'a program', { mode: 0o755 });
    const options = { folder: join(root, 'lib'), node, codesign: await signer('echo signed >> "$6"') };
    const path = await prepareEntitledNode(options);
    expect(await readFile(path, 'utf8')).toBe('a programsigned\n');
    expect(await readFile(node, 'utf8')).toBe('a program');
    expect(await readFile(join(root, 'entitlements'), 'utf8')).toContain('com.apple.security.hypervisor');
    expect(await prepareEntitledNode(options)).toBe(path);
    expect(await readFile(join(root, 'asked'), 'utf8')).toBe('--force --sign - --entitlements\n');

    await writeFile(node, 'a newer program', { mode: 0o755 });
    expect(await prepareEntitledNode(options)).not.toBe(path);
    expect(await readdir(options.folder)).toHaveLength(1);
  });

  it('leaves nothing behind, and says what is missing, when the copy cannot be signed', async () => {
    const options = { folder: join(root, 'lib'), node: process.execPath };
    const codesign = await signer('echo no identity >&2; exit 1');
    await expect(prepareEntitledNode({ ...options, codesign })).rejects.toMatchObject({
      code: 'vmmNotFound',
      message: expect.stringContaining('no identity'),
      hint: expect.stringContaining('xcode-select'),
    });
    await expect(prepareEntitledNode({ ...options, codesign: join(root, 'absent') })).rejects.toThrow(
      'ENOENT',
    );
    expect(await readdir(options.folder)).toEqual([]);
  });
});
