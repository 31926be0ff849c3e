import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostConfig, LibkrunfwNotFoundError } from '@microsandbox/types';
import { DEFAULT_HOST_CONFIG, homeLayout } from '@microsandbox/utils';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test-support/temp-dir.ts';
import { findLibkrunfw } from './find-libkrunfw.ts';
import { resolveKernel } from './resolve-kernel.ts';

const withPath = (libkrunfw: string): HostConfig => ({
  ...DEFAULT_HOST_CONFIG,
  paths: { ...DEFAULT_HOST_CONFIG.paths, libkrunfw },
});

function file(path: string): string {
  writeFileSync(path, 'x');
  return path;
}

describe('findLibkrunfw', () => {
  it('prefers the environment, then the configuration, then the home', async () => {
    const home = tempDir();
    const layout = homeLayout(home);
    mkdirSync(layout.libDir);
    const [fromEnv, fromConfig] = [file(join(home, 'env.so')), file(join(home, 'config.so'))];
    const inHome = file(join(layout.libDir, 'libkrunfw.so.5'));
    const exact = join(layout.libDir, 'libkrunfw.so.5.6.1');
    const config = withPath(fromConfig);
    const find = (env: NodeJS.ProcessEnv, settings = config) =>
      findLibkrunfw({ layout, config: settings, env });
    expect(await find({ MSB_LIBKRUNFW_PATH: fromEnv })).toEqual({ path: fromEnv, source: 'environment' });
    expect(await find({})).toEqual({ path: fromConfig, source: 'config' });
    expect(await find({}, DEFAULT_HOST_CONFIG)).toEqual({ path: inHome, source: 'home' });
    file(exact);
    expect(await find({}, DEFAULT_HOST_CONFIG)).toEqual({ path: exact, source: 'home' });
  });

  it('does not look further when a named file is none', async () => {
    const home = tempDir();
    const layout = homeLayout(home);
    const find = (env: NodeJS.ProcessEnv, config: HostConfig = DEFAULT_HOST_CONFIG) =>
      findLibkrunfw({ layout, config, env });
    await expect(find({ MSB_LIBKRUNFW_PATH: home })).rejects.toThrow(
      `libkrunfw not found: MSB_LIBKRUNFW_PATH points to non-file: ${home}`,
    );
    await expect(find({}, withPath('/absent.so'))).rejects.toThrow(
      'libkrunfw not found: configured path does not exist: /absent.so',
    );
    await expect(find({}, withPath('/absent.so'))).rejects.toMatchObject({
      code: 'libkrunfwNotFound',
      hint: expect.stringContaining('MSB_LIBKRUNFW_PATH'),
    });
    await expect(find({}, withPath('/absent.so'))).rejects.toBeInstanceOf(LibkrunfwNotFoundError);
  });
});

describe('resolveKernel', () => {
  it('wraps the kernel once and finds it again', async () => {
    const layout = homeLayout(tempDir());
    const options = { layout, config: DEFAULT_HOST_CONFIG, env: {} };
    const [first, second] = await Promise.all([resolveKernel(options), resolveKernel(options)]);
    expect(first).toEqual(second);
    expect(first.elfPath).toMatch(/\/cache\/kernel\/[0-9a-f]{64}\.elf$/);
    const elf = await readFile(first.elfPath);
    expect(elf.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(elf.length).toBe(0x1000 + Number(elf.readBigUInt64LE(64 + 32)));
  });

  it('says what is wrong with a file that is no libkrunfw', async () => {
    const home = tempDir();
    const path = file(join(home, 'bad.so'));
    const resolving = resolveKernel({
      layout: homeLayout(home),
      config: DEFAULT_HOST_CONFIG,
      env: { MSB_LIBKRUNFW_PATH: path },
    });
    await expect(resolving).rejects.toMatchObject({
      code: 'kernelNotFound',
      message: expect.stringContaining(path),
    });
  });
});
