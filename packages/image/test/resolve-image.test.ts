import { createHash } from 'node:crypto';
import { buildTestImage, SeededRandom, type TestImage } from '@microsandbox/test-utils';
import { MicrosandboxError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { type Platform, parseImageReference, type Registry, resolveImage } from '../src/index.ts';

const amd64: Platform = { os: 'linux', architecture: 'amd64' };
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Documents and blobs in memory; the tag is the one called `start`. */
class MemoryRegistry implements Registry {
  readonly isLocal = true;
  readonly blobs = new Map<string, Buffer>();
  start = '';

  put(value: unknown): string {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    this.blobs.set(sha256(bytes), bytes);
    return sha256(bytes);
  }

  image(options: Partial<Parameters<typeof buildTestImage>[0]> = {}): TestImage {
    const image = buildTestImage({ layers: [], architecture: 'amd64', ...options });
    this.put(image.config.bytes);
    this.start = this.put(image.manifest.bytes);
    return image;
  }

  async manifest({ digest }: { readonly digest?: string }) {
    const bytes = this.blobs.get(digest ?? this.start) as Buffer;
    return { bytes, digest: sha256(bytes), mediaType: undefined };
  }

  async *blob({ blob }: { readonly blob: { readonly digest: string } }): AsyncGenerator<Buffer, void, void> {
    yield this.blobs.get(blob.digest) ?? Buffer.alloc(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function resolve(registry: Registry, platform = amd64): ReturnType<typeof resolveImage> {
  return resolveImage({ registry, reference: parseImageReference('x.io/demo:1'), platform });
}

describe('resolveImage', () => {
  it('takes the image of the platform out of an index, and keeps its digest and bytes', async () => {
    const registry = new MemoryRegistry();
    const entries = ['arm64', 'amd64', 'amd64'].map((architecture, i) => {
      const image = registry.image({ architecture, config: { Env: [`N=${i}`] } });
      return {
        mediaType: image.manifest.mediaType,
        digest: registry.start,
        size: 1,
        platform: { os: 'linux', architecture },
      };
    });
    const unknown = { ...entries[1], platform: { os: 'unknown', architecture: 'unknown' } };
    const attestation = {
      ...entries[0],
      mediaType: 'x/attestation',
      platform: { os: 'linux', architecture: 'amd64' },
    };
    registry.start = registry.put({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [unknown, attestation, { ...entries[0], platform: null }, ...entries],
    });
    const image = await resolve(registry);
    expect(image.config.env).toEqual(['N=1']);
    expect(image.manifest_digest).toBe(entries[1]?.digest);
    expect(sha256(Buffer.from(image.raw_manifest_json))).toBe(image.manifest_digest);
    expect(sha256(Buffer.from(image.raw_config_json))).toBe(image.config_digest);
    expect((await resolve(registry, { os: 'linux', architecture: 'arm64' })).config.env).toEqual(['N=0']);
    await expect(resolve(registry, { os: 'linux', architecture: 's390x' })).rejects.toThrow(
      'no manifest for platform linux/s390x in x.io/demo:1: it has unknown/unknown, linux/arm64, linux/amd64',
    );
  });

  it('prefers the wanted variant', async () => {
    const registry = new MemoryRegistry();
    const entries = ['v6', 'v7'].map((variant) => {
      registry.image({ architecture: 'arm', config: { User: variant } });
      return { digest: registry.start, platform: { os: 'linux', architecture: 'arm', variant } };
    });
    registry.start = registry.put({ schemaVersion: 2, manifests: entries });
    const user = async (variant?: string): Promise<string | null> =>
      (await resolve(registry, { os: 'linux', architecture: 'arm', variant })).config.user;
    expect([await user(), await user('v7'), await user('v8')]).toEqual(['v6', 'v7', 'v6']);
  });

  it('refuses an image for another machine', async () => {
    const registry = new MemoryRegistry();
    registry.image({ architecture: 'arm64' });
    await expect(resolve(registry)).rejects.toThrow(
      'no manifest for platform linux/amd64 in x.io/demo:1: it is for linux/arm64',
    );
  });

  it('follows indexes in indexes, but not for ever', async () => {
    const registry = new MemoryRegistry();
    registry.image();
    const platform = { os: 'linux', architecture: 'amd64' };
    const wrap = (): void => {
      registry.start = registry.put({ schemaVersion: 2, manifests: [{ digest: registry.start, platform }] });
    };
    for (let i = 0; i < 8; i++) wrap();
    await resolve(registry);
    wrap();
    await expect(resolve(registry)).rejects.toThrow('nested too deeply');
  });

  it('sorts what has no order of its own, and reads nulls as absent', async () => {
    const registry = new MemoryRegistry();
    registry.image({
      config: {
        ExposedPorts: { '9/tcp': {}, '80/tcp': {} },
        Volumes: null,
        Labels: { b: '1', '1': '2' },
        Cmd: null,
        User: '',
      },
    });
    expect((await resolve(registry)).config).toEqual({
      env: [],
      cmd: null,
      entrypoint: null,
      working_dir: null,
      user: null,
      exposed_ports: ['80/tcp', '9/tcp'],
      volumes: [],
      labels: { '1': '2', b: '1' },
      stop_signal: null,
    });
  });

  it('checks the configuration', async () => {
    const registry = new MemoryRegistry();
    const { config } = registry.image();
    registry.blobs.set(config.digest, Buffer.from('{}'));
    await expect(resolve(registry)).rejects.toMatchObject({ code: 'digestMismatch' });
  });

  const digest = `sha256:${'a'.repeat(64)}`;
  const layers = (count: number): unknown[] => Array.from({ length: count }, () => ({ digest, size: 1 }));
  it.each<[string, unknown, string]>([
    ['no JSON', Buffer.from('{'), 'manifest parse error: is not JSON'],
    ['no UTF-8', Buffer.from([0xff]), 'manifest parse error: is not UTF-8'],
    ['a list', [], 'manifest parse error: is not an object'],
    ['no version', { layers: [] }, 'schemaVersion is not 2'],
    ['version 1', { schemaVersion: 1, fsLayers: [] }, 'unsupported manifest media type'],
    [
      'another type',
      { schemaVersion: 2, mediaType: 'text/plain' },
      'unsupported manifest media type: text/plain',
    ],
    ['two things at once', { schemaVersion: 2, layers: [], manifests: [] }, 'both layers and manifests'],
    ['no configuration', { schemaVersion: 2, layers: [] }, 'manifest parse error: config'],
    [
      'a bad digest',
      { schemaVersion: 2, layers: [], config: { digest: '../x' } },
      'config.digest: is no digest',
    ],
    ['a negative size', { schemaVersion: 2, layers: [], config: { digest, size: -1 } }, 'config.size'],
    ['a fraction of a byte', { schemaVersion: 2, layers: [], config: { digest, size: 1.5 } }, 'config.size'],
    ['a huge configuration', { schemaVersion: 2, layers: [], config: { digest, size: 1e12 } }, 'longer than'],
    [
      'many layers',
      { schemaVersion: 2, config: { digest }, layers: layers(100_000) },
      'has 100000 layers, more than 1000',
    ],
    ['many entries', { schemaVersion: 2, manifests: layers(20_000) }, 'has 20000 manifests'],
    ['an empty index', { schemaVersion: 2, manifests: [] }, 'no manifest for platform'],
    ['depth', Buffer.from('['.repeat(1_000_000)), 'manifest parse error'],
  ])('refuses a manifest with %s', async (_name, document, message) => {
    const registry = new MemoryRegistry();
    registry.start = registry.put(document);
    await expect(resolve(registry)).rejects.toMatchObject({
      code: 'image',
      message: expect.stringContaining(message),
    });
  });

  it.each<[string, unknown, string]>([
    ['no JSON', Buffer.from('x'), 'config parse error: is not JSON'],
    ['no layers', {}, 'config parse error: rootfs'],
    [
      'a bad diff id',
      { rootfs: { diff_ids: ['sha256:../../x'] } },
      'invalid diff_id at layer 0: sha256:../../x',
    ],
    [
      'another count',
      { rootfs: { diff_ids: [digest, digest] } },
      'config has 2 diff_ids but manifest has 1 layers',
    ],
    ['wrong types', { rootfs: { diff_ids: [] }, config: { Env: 'A=b' } }, 'config parse error: config.Env'],
  ])('refuses a configuration with %s', async (_name, document, message) => {
    const registry = new MemoryRegistry();
    const config = registry.put(document);
    registry.start = registry.put({ schemaVersion: 2, config: { digest: config }, layers: layers(1) });
    await expect(resolve(registry)).rejects.toThrow(message);
  });

  it('gives an image or a coded error for any document', async () => {
    const random = new SeededRandom(11);
    for (let round = 0; round < 3000; round++) {
      const registry = new MemoryRegistry();
      const image = registry.image({
        layers: [Buffer.from('a')],
        config: { Env: ['A=b'], Labels: { a: 'b' } },
      });
      const [name, original] = random.pick([
        ['manifest', image.manifest.bytes],
        ['config', image.config.bytes],
      ] as const);
      const changed = mutate(original, random);
      const manifest = JSON.parse(image.manifest.bytes.toString());
      if (name === 'config') manifest.config = { digest: registry.put(changed), size: changed.length };
      registry.start = registry.put(name === 'config' ? manifest : changed);
      await resolve(registry).catch((error: unknown) => {
        expect(error).toBeInstanceOf(MicrosandboxError);
        expect((error as Error).message.length).toBeLessThan(1000);
      });
    }
  });
});

/** Changes bytes of JSON, or replaces one of its values. */
function mutate(bytes: Buffer, random: SeededRandom): Buffer {
  if (random.chance(0.3)) {
    const changed = Buffer.from(bytes);
    changed[random.below(changed.length)] = random.below(256);
    return changed;
  }
  const replacement = random.pick([
    'null',
    '{}',
    '[]',
    '-1',
    '1e308',
    '"x"',
    'true',
    '[null]',
    '{"__proto__":1}',
  ]);
  const parts = bytes.toString().split(/("[^"]*"|\d+)/);
  const at = random.below(parts.length);
  parts[at] = /^["\d]/.test(parts[at] ?? '') ? replacement : (parts[at] ?? '');
  return Buffer.from(parts.join(''));
}
