import { fuzz, mutated, refusedWith } from '@microsandbox/test-utils/fuzz';
import { ImageError } from '@microsandbox/types';
import { expect } from 'vitest';
import { parseDockerConfig } from '../src/credentials/docker-config.ts';
import { parseAuthChallenges } from '../src/registry/auth-challenge.ts';
import { parseImageConfig } from '../src/registry/parse-image-config.ts';
import { parseManifest } from '../src/registry/parse-manifest.ts';
import { type VmdkExtent, vmdkDescriptor } from '../src/vmdk/vmdk-descriptor.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const descriptor = (mediaType: string) => ({ mediaType, digest: DIGEST, size: 1234 });

const MANIFESTS = [
  {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json'),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip'), descriptor('x')],
  },
  {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...descriptor('application/vnd.oci.image.manifest.v1+json'),
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      },
      { ...descriptor('m'), annotations: { 'org.opencontainers.image.ref.name': 'a' } },
    ],
  },
  {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['A=b'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [DIGEST] },
  },
].map((document) => Buffer.from(JSON.stringify(document)));

fuzz({
  name: 'manifest JSON',
  count: 3000,
  input: (random) => mutated(random, random.pick(MANIFESTS)),
  check: (input) => {
    const text = input.toString('utf8');
    refusedWith(ImageError, () => {
      const parsed = parseManifest(text, undefined);
      const digests =
        parsed.kind === 'manifest' ? [parsed.manifest.config, ...parsed.manifest.layers] : parsed.entries;
      for (const { digest } of digests) expect(digest).toMatch(/^sha(256|384|512):[0-9a-f]+$/);
    });
    refusedWith(ImageError, () => void parseImageConfig(text));
  },
});

const CHALLENGES = [
  'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"',
  'Basic realm="a \\"quoted\\" one", Bearer realm=x,error="invalid_token"',
  'Negotiate YWJj==, Digest a=b , , c = "d"',
].map((text) => Buffer.from(text));

fuzz({
  name: 'auth challenge',
  count: 5000,
  input: (random) =>
    mutated(
      random,
      random.chance(0.02) ? Buffer.alloc(20_000, random.pick(CHALLENGES)) : random.pick(CHALLENGES),
    ),
  check: (input) => {
    for (const { scheme, parameters } of parseAuthChallenges(input.toString('latin1'))) {
      expect(scheme).toMatch(/^[^\s",A-Z]+$/);
      expect(parameters.size).toBeLessThanOrEqual(32);
      for (const key of parameters.keys()) expect(key).toMatch(/^[^\s",A-Z]+$/);
    }
  },
});

const DOCKER_CONFIGS = [
  {
    auths: {
      'https://index.docker.io/v1/': { auth: 'dXNlcjpwYXNz' },
      'r.example': { auth: 'OnBhc3M=', email: 'a@b' },
    },
  },
  { credHelpers: { 'gcr.example': 'gcloud', 'e.example': 'ecr-login' }, credsStore: 'pass', auths: {} },
  {
    auths: {
      'h.example:5000': { identitytoken: 't', auth: 'dTpw' },
      __proto__: null,
      constructor: { auth: 'YTpi' },
    },
  },
].map((document) => Buffer.from(JSON.stringify(document)));

fuzz({
  name: 'Docker config',
  count: 5000,
  input: (random) => mutated(random, random.pick(DOCKER_CONFIGS)),
  check: (input) => {
    const config = parseDockerConfig(input.toString('utf8'));
    if (config === null) return;
    for (const helper of config.credHelpers.values()) expect(typeof helper).toBe('string');
    for (const { username, password } of config.auths.values()) {
      expect(username).not.toMatch(/^$|:/);
      expect(typeof password).toBe('string');
    }
  },
});

const PATHS = ['/cache/layers/sha256_ab.erofs', '/home/ü ser/a b.erofs', '/x'].map((path) =>
  Buffer.from(path),
);

fuzz({
  name: 'VMDK',
  count: 5000,
  input: (random) => mutated(random, random.pick(PATHS)),
  check: (input, random) => {
    const extents = Array.from({ length: 1 + random.below(4) }, () => ({
      path: input.toString('utf8'),
      bytes: random.pick([0, 512, 4096, 2 ** 31, 2 ** 40, 511, 512 * random.below(2 ** 31)]),
    }));
    refusedWith(ImageError, () => expect(readExtents(vmdkDescriptor(extents))).toEqual(joined(extents)));
  },
});

/** Extents of a descriptor as QEMU reads them: one line each, up to the quote that ends the path. */
function readExtents(text: string): VmdkExtent[] {
  const lines = text.split('\n').filter((line) => /^(RW|RDONLY|NOACCESS) /.test(line));
  return joined(
    lines.map((line) => {
      const [, sectors, path] = /^RW (\d+) FLAT "([^"]*)" \d+$/.exec(line) ?? [];
      return { path: path as string, bytes: Number(sectors) * 512 };
    }),
  );
}

/** Large files take several lines: neighbours of one path are one. */
function joined(extents: readonly VmdkExtent[]): VmdkExtent[] {
  const result: VmdkExtent[] = [];
  for (const { path, bytes } of extents) {
    const last = result.at(-1);
    if (last?.path === path) result[result.length - 1] = { path, bytes: last.bytes + bytes };
    else if (bytes > 0) result.push({ path, bytes });
  }
  return result;
}
