import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildTestImage, type TestImage } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestFileName, type PullOptions, pullCached, pullImage } from '../src/index.ts';
import { cutAfter, FaultRegistry } from './fault-registry.ts';
import { tarEntry } from './tar-builder.ts';

const END = Buffer.alloc(1024);
const layer = (name: string, body: Buffer): Buffer => Buffer.concat([tarEntry({ name, body }), END]);
// Random bytes do not pack: the blob is as long as the file.
const image = buildTestImage({
  layers: [layer('big', randomBytes(5_000_000)), layer('small', Buffer.from('x'))],
});
const big = image.layers[0] as TestImage['layers'][number];
const bigUrl = `/v2/r/demo/blobs/${big.digest}`;

let cacheDir: string;
let registry: FaultRegistry;

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'pull-faults-'));
  registry = await FaultRegistry.start();
  registry.serve(image);
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(cacheDir, { recursive: true, force: true });
});

function options(more: Partial<PullOptions> = {}): PullOptions {
  return {
    reference: registry.reference,
    cacheDir,
    registry: { insecureHosts: [registry.host], timeouts: { headersMs: 2000, bodyMs: 2000 } },
    ...more,
  };
}

/** Files that are neither locks nor whole images. */
async function leftovers(): Promise<string[]> {
  const names = [...(await readdir(join(cacheDir, 'tmp'))), ...(await readdir(join(cacheDir, 'layers')))];
  return names.filter((name) => !name.endsWith('.lock') && !name.endsWith('.erofs'));
}

async function expectWorks(): Promise<void> {
  registry.fault = () => false;
  const pulled = await pullImage(options());
  expect(pulled.layerPaths).toHaveLength(2);
  expect(await pullCached(options())).toMatchObject({ cached: true });
  expect(await leftovers()).toEqual([]);
}

describe('a download that breaks off', () => {
  it('goes on where it stopped', async () => {
    let cuts = 0;
    registry.fault = ({ url, headers }, response) => {
      if (url !== bigUrl || cuts >= 2) return false;
      const start = Number(/\d+/.exec(headers.range ?? '0')?.[0]);
      cuts++;
      const range =
        start > 0 ? { 'content-range': `bytes ${start}-${big.bytes.length - 1}/${big.bytes.length}` } : {};
      const rest = big.bytes.subarray(start, start + 1_000_000);
      return cutAfter(response, rest, big.bytes.length - start, range, start > 0 ? 206 : 200);
    };
    await pullImage(options());
    const ranges = registry.requests.filter(({ url }) => url === bigUrl).map(({ range }) => range);
    expect(ranges).toEqual([undefined, 'bytes=1000000-', 'bytes=2000000-']);
    await expectWorks();
  });

  it('goes on although the server knows no ranges', async () => {
    let cuts = 0;
    registry.fault = ({ url }, response) => {
      if (url !== bigUrl) return false;
      if (cuts++ === 0) return cutAfter(response, big.bytes.subarray(0, 3_000_000), big.bytes.length);
      response.writeHead(200, { 'content-length': big.bytes.length });
      response.end(big.bytes);
      return true;
    };
    await pullImage(options());
    await expectWorks();
  });

  it('ends with an error when it always breaks off, and the next pull goes on', async () => {
    registry.fault = ({ url, headers }, response) => {
      if (url !== bigUrl) return false;
      if (headers.range !== undefined) return cutAfter(response, Buffer.alloc(0), 10, {}, 206);
      return cutAfter(response, big.bytes.subarray(0, 2_500_000), big.bytes.length);
    };
    const attempt = pullImage(options());
    await expect(attempt).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining(registry.host),
    });
    expect(await leftovers()).toEqual([`${digestFileName(big.digest)}.part`]);
    registry.requests.length = 0;
    await expectWorks();
    expect(registry.requests.find(({ url }) => url === bigUrl)?.range).toBe('bytes=2500000-');
  });

  it('is not taken for complete when the server ends it in good order', async () => {
    registry.fault = ({ url, headers }, response) => {
      if (url !== bigUrl) return false;
      const start = Number(/\d+/.exec(headers.range ?? '0')?.[0]);
      const range = { 'content-range': `bytes ${start}-4999999/*` };
      response.writeHead(start > 0 ? 206 : 200, start > 0 ? range : {});
      response.end(start > 0 ? '' : big.bytes.subarray(0, 1_000_000));
      return true;
    };
    await expect(pullImage(options())).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining(`ends after 1000000 of ${big.bytes.length} bytes`),
    });
    await expectWorks();
  });
});

describe('wrong content', () => {
  it.each([
    ['at the start', 0],
    ['in the middle', 2_000_000],
    ['at the end', big.bytes.length - 1],
  ])('%s is a digest mismatch, and nothing of it stays', async (_name, at) => {
    const wrong = Buffer.from(big.bytes);
    wrong[at] = (wrong[at] as number) ^ 1;
    registry.put(`blobs/${big.digest}`, wrong, 'application/octet-stream');
    const attempt = pullImage(options());
    await expect(attempt).rejects.toMatchObject({
      code: 'digestMismatch',
      message: expect.stringContaining(`digest mismatch for layer ${big.digest}`),
    });
    expect(await leftovers()).toEqual([]);
    expect(await readdir(join(cacheDir, 'layers'))).not.toContain(`${digestFileName(big.digest)}.erofs`);
    expect(await pullCached(options())).toBeNull();
    registry.serve(image);
    await expectWorks();
  });

  it('in a part that an earlier download left is noticed, and fetched again', async () => {
    await pullImage(options());
    await rm(cacheDir, { recursive: true });
    const part = join(cacheDir, 'tmp', `${digestFileName(big.digest)}.part`);
    await mkdir(join(cacheDir, 'tmp'), { recursive: true });
    await writeFile(part, randomBytes(1_000_000));
    await expectWorks();
  });

  it('of another length than the manifest says', async () => {
    for (const bytes of [big.bytes.subarray(0, -1), Buffer.concat([big.bytes, Buffer.from('x')])]) {
      registry.put(`blobs/${big.digest}`, bytes, 'application/octet-stream');
      await expect(pullImage(options())).rejects.toMatchObject({ code: 'digestMismatch' });
    }
    // Without a length in the headers, only counting tells.
    registry.fault = ({ url }, response) => {
      if (url !== bigUrl) return false;
      response.writeHead(200);
      response.end(Buffer.concat([big.bytes, Buffer.from('x')]));
      return true;
    };
    await expect(pullImage(options())).rejects.toMatchObject({ code: 'digestMismatch' });
    registry.serve(image);
    await expectWorks();
  });

  it('with a right digest but a wrong size in the manifest', async () => {
    const manifest = JSON.parse(image.manifest.bytes.toString());
    manifest.layers[0].size += 1;
    registry.put('manifests/1', Buffer.from(JSON.stringify(manifest)), image.manifest.mediaType);
    await expect(pullImage(options())).rejects.toMatchObject({ code: 'digestMismatch' });
  });

  it('whose unpacked digest is not the diff id', async () => {
    const other = buildTestImage({
      layers: [layer('big', Buffer.from('y')), layer('small', Buffer.from('x'))],
    });
    const manifest = JSON.parse(image.manifest.bytes.toString());
    manifest.config = JSON.parse(other.manifest.bytes.toString()).config;
    registry.serve(other);
    registry.put('manifests/1', Buffer.from(JSON.stringify(manifest)), image.manifest.mediaType);
    await expect(pullImage(options())).rejects.toMatchObject({ code: 'digestMismatch' });
    expect(await leftovers()).toEqual([]);
  });

  it('that is no archive', async () => {
    const broken = buildTestImage({ layers: [randomBytes(4096)] });
    registry.serve(broken);
    await expect(pullImage(options())).rejects.toMatchObject({
      code: 'image',
      message: expect.stringMatching(/^materialization failed for layer sha256:\w+: tar ingestion failed: /),
    });
    expect(await leftovers()).toEqual([]);
  });

  it('that is not packed as its media type says', async () => {
    const broken = buildTestImage({ layers: [layer('a', Buffer.from('a'))] });
    const bytes = Buffer.from(broken.manifest.bytes.toString().replace('tar+gzip', 'tar+zstd'));
    registry.serve(broken);
    registry.put('manifests/1', bytes, broken.manifest.mediaType);
    await expect(pullImage(options())).rejects.toMatchObject({
      code: 'image',
      message: expect.stringContaining('not a zstd stream'),
    });
  });
});

describe('cancelling', () => {
  it('ends at once, keeps what has come, and the next pull goes on', async () => {
    registry.fault = ({ url }, response) => {
      if (url !== bigUrl) return false;
      response.writeHead(200, { 'content-length': big.bytes.length });
      response.write(big.bytes.subarray(0, 2_000_000));
      return true;
    };
    const controller = new AbortController();
    const reason = new Error('enough');
    const attempt = pullImage(
      options({
        signal: controller.signal,
        onProgress: (event) => {
          if (event.kind === 'layerDownloadProgress' && event.downloadedBytes > 1_400_000)
            controller.abort(reason);
        },
      }),
    );
    await expect(attempt).rejects.toBe(reason);
    // The small layer may have come meanwhile, or not.
    const left = await leftovers();
    expect(left).toContain(`${digestFileName(big.digest)}.part`);
    expect(left.filter((name) => !name.endsWith('.part'))).toEqual([]);
    expect((await stat(join(cacheDir, 'tmp', `${digestFileName(big.digest)}.part`))).size).toBeGreaterThan(
      1_000_000,
    );
    registry.requests.length = 0;
    await expectWorks();
    expect(registry.requests.find(({ url }) => url === bigUrl)?.range).toMatch(/^bytes=[12]\d{6}-$/);
  });

  it('works before it begins and while another pull holds the lock', async () => {
    await expect(pullImage(options({ signal: AbortSignal.abort(new Error('no')) }))).rejects.toThrow('no');
    registry.fault = ({ url }) => url === bigUrl; // Never answers.
    const first = new AbortController();
    const holder = pullImage(options({ signal: first.signal }));
    while (!registry.requests.some(({ url }) => url === bigUrl)) await new Promise((r) => setTimeout(r, 10));
    const waiting = pullImage(options({ signal: AbortSignal.timeout(200) }));
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    first.abort();
    await expect(holder).rejects.toMatchObject({ name: 'AbortError' });
    await expectWorks();
  });
});

describe('servers that fail for a while', () => {
  it('are asked again', async () => {
    let failures = 0;
    registry.fault = (_request, response) => {
      if (failures++ >= 2) return false;
      response.writeHead(failures === 1 ? 503 : 429, { 'retry-after': '0' });
      response.end();
      return true;
    };
    await expectWorks();
    expect(await pullCached(options())).not.toBeNull();
  });

  it('are given up when they do not come back, or ask for too long a pause', async () => {
    registry.fault = (_request, response) => {
      response.writeHead(429, { 'retry-after': '3600' });
      response.end('toomanyrequests: slow down\u001b[31m');
      return true;
    };
    const attempt = pullImage(options());
    await expect(attempt).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringMatching(/slow down.*\(429: toomanyrequests: slow down \[31m\)$/),
    });
    expect(registry.requests).toHaveLength(1);
  });

  it('are given up when they accept a request and stay silent', async () => {
    registry.fault = () => true;
    const attempt = pullImage(
      options({ registry: { insecureHosts: [registry.host], timeouts: { headersMs: 300 } } }),
    );
    await expect(attempt).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining('it stopped answering (timed out)'),
    });
  }, 30_000);
});

describe('several members, packings and layers', () => {
  it('pulls gzip in members, zstd and plain layers', async () => {
    const { zstdCompressSync } = await import('node:zlib');
    const tars = ['a', 'b', 'c'].map((name) => layer(name, Buffer.alloc(100_000, name)));
    const plain = buildTestImage({ layers: tars });
    const [a, b, c] = tars as [Buffer, Buffer, Buffer];
    const members = Buffer.concat([gzipSync(a.subarray(0, 700)), gzipSync(a.subarray(700))]);
    const frames = Buffer.concat([zstdCompressSync(b.subarray(0, 9000)), zstdCompressSync(b.subarray(9000))]);
    const manifest = JSON.parse(plain.manifest.bytes.toString());
    [members, frames, c].forEach((bytes, i) => {
      const digest = registry.putDocument(bytes, '').toString();
      registry.put(`blobs/${digest}`, bytes, 'application/octet-stream');
      const suffix = ['tar+gzip', 'tar+zstd', 'tar'][i];
      manifest.layers[i] = {
        mediaType: `application/vnd.oci.image.layer.v1.${suffix}`,
        digest,
        size: bytes.length,
      };
    });
    registry.serve(plain);
    const bytes = Buffer.from(JSON.stringify(manifest, null, 2));
    registry.put('manifests/1', bytes, plain.manifest.mediaType);
    const pulled = await pullImage(options());
    expect(pulled.layerPaths).toHaveLength(3);
    expect(pulled.image.raw_manifest_json).toBe(bytes.toString());
    const metadata = JSON.parse(
      await readFile(join(cacheDir, 'manifests', (await metadataFile()) as string), 'utf8'),
    );
    expect(metadata.raw_manifest_json).toBe(bytes.toString());
  });

  it('builds a layer that occurs twice only once, and an image without layers', async () => {
    const twice = layer('twice', Buffer.from('2'));
    const repeated = buildTestImage({ layers: [twice, layer('other', Buffer.from('o')), twice] });
    registry.serve(repeated);
    const pulled = await pullImage(options());
    expect(pulled.layerPaths[0]).toBe(pulled.layerPaths[2]);
    expect(registry.layerRequests(repeated)).toHaveLength(2);
    registry.serve(buildTestImage({ layers: [] }));
    expect((await pullImage(options({ pullPolicy: 'always' }))).layerPaths).toEqual([]);
  });

  it('builds everything anew when forced', async () => {
    await pullImage(options());
    registry.requests.length = 0;
    const events: string[] = [];
    const pulled = await pullImage(options({ force: true, onProgress: ({ kind }) => events.push(kind) }));
    expect(pulled.cached).toBe(false);
    expect(registry.layerRequests(image)).toHaveLength(2);
    expect(new Set(events)).toEqual(
      new Set([
        'resolving',
        'resolved',
        'layerDownloadProgress',
        'layerDownloadComplete',
        'layerMaterializeStarted',
        'layerMaterializeProgress',
        'layerMaterializeWriting',
        'layerMaterializeComplete',
        'stitchMergingTrees',
        'stitchWritingFsmeta',
        'stitchWritingVmdk',
        'stitchComplete',
        'complete',
      ]),
    );
    expect(events.filter((kind) => kind === 'layerDownloadProgress').length).toBeLessThan(25);
  });

  it('asks the registry when told to, and fetches nothing that is there', async () => {
    await pullImage(options());
    registry.requests.length = 0;
    await pullImage(options({ pullPolicy: 'always' }));
    expect(registry.layerRequests(image)).toEqual([]);
    expect(registry.requests.length).toBeGreaterThan(0);
    await expect(pullImage(options({ pullPolicy: 'never', reference: 'other' }))).rejects.toMatchObject({
      code: 'imageNotFound',
      message: 'image not cached: other',
    });
  });

  async function metadataFile(): Promise<string | undefined> {
    return (await readdir(join(cacheDir, 'manifests'))).find((name) => name.endsWith('.json'));
  }
});
