import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTestImage,
  findProgram,
  type LocalRegistry,
  mustRun,
  pushImage,
  runCommand,
  startLocalRegistry,
} from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErofsReader, pullCached, pullImage } from '../src/index.ts';
import { tarEntry } from './tar-builder.ts';

const missing = (await findProgram('docker-registry')) === null ? 'docker-registry is not installed' : false;
const fsck = await findProgram('fsck.erofs');
if (missing) console.warn(`skipped: ${missing}`);

const END = Buffer.alloc(1024);
const base = Buffer.concat([
  tarEntry({ name: 'etc/', type: '5', mode: 0o755 }),
  tarEntry({ name: 'etc/name', body: 'base\n' }),
  tarEntry({ name: 'etc/gone', body: 'gone\n' }),
  tarEntry({ name: 'large', body: Buffer.alloc(3_000_000, 'large ') }),
  END,
]);
const top = Buffer.concat([
  tarEntry({ name: 'etc/.wh.gone' }),
  tarEntry({ name: 'etc/name', body: 'top\n' }),
  tarEntry({ name: 'link', type: '2', linkName: 'etc/name' }),
  END,
]);

describe.skipIf(missing)('pulling from docker-registry', () => {
  let folder: string;
  let registry: LocalRegistry;
  let reference: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pull-registry-'));
    registry = await startLocalRegistry();
    reference = await pushImage({
      registry,
      repository: 'team/demo',
      tag: '1',
      image: buildTestImage({ layers: [base, top], config: { Env: ['A=b'], Cmd: ['sh'], WorkingDir: '' } }),
    });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('makes valid images, which the next pull finds', async () => {
    const cacheDir = join(folder, 'cache');
    const options = { reference, cacheDir, registry: { insecureHosts: [registry.host] } };
    expect(await pullCached(options)).toBeNull();
    const pulled = await pullImage(options);
    expect(pulled).toMatchObject({ reference, cached: false });
    expect(pulled.image.config).toMatchObject({ env: ['A=b'], cmd: ['sh'], working_dir: null });
    expect(pulled.layerPaths).toHaveLength(2);
    if (fsck !== null) for (const path of pulled.layerPaths) await mustRun(fsck, [path]);
    await using reader = await ErofsReader.open(pulled.layerPaths[1] as string);
    expect((await reader.readFile('etc/name')).toString()).toBe('top\n');
    expect(await readFile(pulled.vmdkPath, 'utf8')).toContain(`FLAT "${pulled.layerPaths[0]}" 0`);
    expect((await readdir(join(cacheDir, 'tmp'))).filter((name) => !name.endsWith('.lock'))).toEqual([]);

    await registry.stop();
    expect(await pullCached(options)).toEqual({ ...pulled, cached: true });
    expect(await pullImage({ ...options, pullPolicy: 'never' })).toEqual({ ...pulled, cached: true });
    await writeFile(pulled.vmdkPath, 'elsewhere');
    expect(await pullCached(options)).toBeNull();
    expect(await pullImage(options)).toEqual({ ...pulled, cached: true });
    await rm(pulled.fsmetaPath);
    expect(await pullImage(options)).toEqual({ ...pulled, cached: true });
    expect((await runCommand('cat', [pulled.vmdkPath])).stdout.toString()).toContain(pulled.fsmetaPath);
  });
});
