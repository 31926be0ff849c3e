import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test-support/temp-dir.ts';
import { hostTscKhz } from './host-tsc.ts';

const unsupported = process.arch !== 'x64' || process.platform !== 'linux';

describe('hostTscKhz', () => {
  it.skipIf(unsupported)('is measured once for each start of the host (Linux x64 only)', async () => {
    const folder = tempDir();
    const khz = await hostTscKhz(folder);
    expect((khz ?? 1) % 10).toBe(0);
    const [memo] = readdirSync(join(folder, 'tsc'));
    writeFileSync(join(folder, 'tsc', memo ?? ''), '12340');
    expect(await hostTscKhz(folder)).toBe(12_340);
  });
});
