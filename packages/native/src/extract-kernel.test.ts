import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { MicrosandboxError } from '@microsandbox/types';
import { afterAll, describe, expect, it } from 'vitest';
import { addon } from './load-addon.ts';

const library = join(
  import.meta.dirname,
  '../../../node_modules/@superradcompany/microsandbox-linux-x64-gnu/lib/libkrunfw.so.5.6.1',
);
const missing = !existsSync(library);

describe('extractKernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'msb-kernel-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.skipIf(missing)('reads the published library (needs its npm package)', async () => {
    const kernel = await addon().extractKernel(library);
    expect(kernel.image.length).toBe(21_561_344);
    expect(kernel).toMatchObject({
      loadAddress: 0x1000000n,
      entryAddress: 0x1000123n,
      pvhEntryAddress: 0x1000000n,
    });
  });

  it.skipIf(missing)('never crashes on a damaged library (needs its npm package)', async () => {
    const original = await readFile(library);
    const path = join(folder, 'damaged.so');
    const random = new SeededRandom(1);
    // Headers, symbols and code lie in the first 16 KiB, the section table at the end.
    const interesting = [0, 16_384, original.length - 4096, original.length] as const;
    for (let round = 0; round < 25; round++) {
      const head = Buffer.from(original);
      for (let i = 0; i < 40; i++) {
        const at =
          i % 2 === 0
            ? random.below(interesting[1])
            : interesting[2] + random.below(interesting[3] - interesting[2]);
        head[at] = random.below(256);
      }
      writeFileSync(path, round % 5 === 0 ? head.subarray(0, random.below(head.length)) : head);
      const result = await addon()
        .extractKernel(path)
        .catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(MicrosandboxError);
      else expect((result as { image: Buffer }).image.length).toBeGreaterThan(4096);
    }
  });

  it('rejects what is no library with a code, a reason and a way out', async () => {
    const path = join(folder, 'text.so');
    writeFileSync(path, 'hello');
    const error = await addon()
      .extractKernel(path)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'kernelNotFound',
      message: expect.stringContaining(`${path}: not an ELF file`),
      hint: expect.stringContaining('MSB_LIBKRUNFW_PATH'),
    });
    await expect(addon().extractKernel(join(folder, 'absent'))).rejects.toMatchObject({
      code: 'kernelNotFound',
    });
  });
});
