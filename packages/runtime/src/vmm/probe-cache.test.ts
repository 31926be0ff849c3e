import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootId } from './boot-id.ts';
import { firstTimeSinceBoot } from './first-time-since-boot.ts';
import { cachedProbe } from './probe-cache.ts';

const boot = await bootId();
let cacheDir: string;

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'msb-probe-'));
});
afterEach(() => rm(cacheDir, { recursive: true }));

describe.skipIf(boot === null)('cachedProbe', () => {
  it('finds out once, and again when the identity changes', async () => {
    let found = 0;
    const probe = (identity: string) => cachedProbe(cacheDir, 'x', identity, async () => ++found);
    expect(await probe('a')).toBe(1);
    expect(await probe('a')).toBe(1);
    expect(await probe('b')).toBe(2);
    expect(await probe('b')).toBe(2);
    expect((await stat(join(cacheDir, 'probe', `${boot}.x.json`))).mode & 0o777).toBe(0o600);
    expect((await stat(join(cacheDir, 'probe'))).mode & 0o777).toBe(0o700);
  });

  it('remembers that nothing was found, forgets other boots, and survives a damaged file', async () => {
    const probe = () => cachedProbe<string | null>(cacheDir, 'x', 'a', async () => null);
    expect(await probe()).toBeNull();
    const folder = join(cacheDir, 'probe');
    await writeFile(join(folder, 'another-boot.x.json'), '{"identity":"a","found":"wrong"}');
    await writeFile(join(folder, `${boot}.x.json`), '{"identity":');
    expect(await probe()).toBeNull();
    expect(await readdir(folder)).toEqual([`${boot}.x.json`]);
    expect(await cachedProbe('/dev/null', 'x', 'a', async () => 7)).toBe(7);
  });
});

describe.skipIf(boot === null)('firstTimeSinceBoot', () => {
  it('is true once for each thing', async () => {
    expect(await firstTimeSinceBoot(cacheDir, 'emulation')).toBe(true);
    expect(await firstTimeSinceBoot(cacheDir, 'emulation')).toBe(false);
    expect(await firstTimeSinceBoot(cacheDir, 'other')).toBe(true);
    expect(await firstTimeSinceBoot('/dev/null', 'emulation')).toBe(true);
  });
});
