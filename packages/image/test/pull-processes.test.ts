import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, mustRun, runCommand } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pullCached, pullImage } from '../src/index.ts';
import { FaultRegistry } from './fault-registry.ts';
import { tarEntry } from './tar-builder.ts';

const END = Buffer.alloc(1024);
const image = buildTestImage({
  layers: Array.from({ length: 3 }, (_, i) =>
    Buffer.concat([tarEntry({ name: `file${i}`, body: randomBytes(3_000_000) }), END]),
  ),
});

let folder: string;
let registry: FaultRegistry;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pull-processes-'));
  registry = await FaultRegistry.start();
  registry.serve(image);
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function pullInChild(
  cacheDir: string,
  reference = registry.reference,
): ChildProcess & { readonly output: Promise<string> } {
  const program = join(import.meta.dirname, 'pull-child.ts');
  const child = spawn(
    process.execPath,
    ['--conditions=@microsandbox/source', program, reference, cacheDir, registry.host],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const output = new Promise<string>((resolve) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
  return Object.assign(child, { output });
}

/** Sends every layer slowly enough that something can happen meanwhile. */
function slowly(): void {
  registry.fault = ({ url }, response) => {
    const layer = image.layers.find(({ digest }) => url?.endsWith(digest));
    if (layer === undefined) return false;
    response.writeHead(200, { 'content-length': layer.bytes.length });
    let at = 0;
    const timer = setInterval(() => {
      response.write(layer.bytes.subarray(at, at + 300_000));
      at += 300_000;
      if (at < layer.bytes.length) return;
      clearInterval(timer);
      response.end();
    }, 50);
    response.on('close', () => clearInterval(timer));
    return true;
  };
}

describe('several processes', () => {
  it('that pull one image share the work', async () => {
    slowly();
    const cacheDir = join(folder, 'cache');
    const outputs = await Promise.all([pullInChild(cacheDir).output, pullInChild(cacheDir).output]);
    expect(outputs.map((output) => /pulled (\w+)/.exec(output)?.[1]).sort()).toEqual(['false', 'true']);
    expect(registry.layerRequests(image)).toHaveLength(3);
  }, 60_000);

  it('that pull one image under two names share its layers', async () => {
    slowly();
    registry.put('manifests/2', image.manifest.bytes, image.manifest.mediaType);
    const cacheDir = join(folder, 'cache');
    const names = [registry.reference, registry.reference.replace(/:1$/, ':2')];
    const outputs = await Promise.all(names.map((name) => pullInChild(cacheDir, name).output));
    for (const output of outputs) expect(output).toContain('pulled false');
    expect(registry.layerRequests(image)).toHaveLength(3);
  }, 60_000);

  it.each([
    'resolved',
    'layerDownloadProgress',
    'layerMaterializeWriting',
    'stitchMergingTrees',
    'stitchWritingVmdk',
  ])(
    'one of which is killed at %s: the next pull works',
    async (kind) => {
      slowly();
      const cacheDir = join(folder, 'cache');
      const child = pullInChild(cacheDir);
      child.stdout?.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes(kind)) child.kill('SIGKILL');
      });
      expect(await child.output).not.toContain('pulled');
      registry.fault = () => false;
      const options = {
        reference: registry.reference,
        cacheDir,
        registry: { insecureHosts: [registry.host] },
      };
      const pulled = await pullImage(options);
      for (const path of pulled.layerPaths) await mustRun('fsck.erofs', [path]);
      expect(await pullCached(options)).toMatchObject({ cached: true });
      const left = (await readdir(join(cacheDir, 'tmp'))).filter((name) => !name.endsWith('.lock'));
      expect(left).toEqual([]);
    },
    60_000,
  );
});

describe('a full disk', async () => {
  const probe = await mkdtemp(join(tmpdir(), 'pull-mount-'));
  const mounted = (await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', probe])).code === 0;
  if (mounted) await runCommand('umount', [probe]);
  else console.warn('skipped: no right to mount a small file system');
  await rm(probe, { recursive: true });

  it.skipIf(!mounted)(
    'is named, and the next pull works when there is space',
    async () => {
      const place = join(folder, 'small');
      await mkdir(place);
      await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place]);
      try {
        const cacheDir = join(place, 'cache');
        const output = await pullInChild(cacheDir).output;
        expect(JSON.parse(/failed (.*)/.exec(output)?.[1] ?? '{}')).toEqual({
          code: 'noSpace',
          message: expect.stringMatching(/^cannot write .*ENOSPC/),
          hint: 'free some space on that file system and try again',
        });
        await mustRun('mount', ['-o', 'remount,size=64m', place]);
        expect(await pullInChild(cacheDir).output).toContain('pulled false');
      } finally {
        await mustRun('umount', [place]);
      }
    },
    60_000,
  );
});
