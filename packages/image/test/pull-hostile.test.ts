import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { buildTestImage, type TestImage } from '@microsandbox/test-utils';
import { ImageError, MicrosandboxError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PulledImage, pullImage, readLayerTar } from '../src/index.ts';
import { decompress } from '../src/pull/decompress.ts';
import { type Fault, FaultRegistry } from './fault-registry.ts';
import { paxEntry, tarArchive, tarEntry } from './tar-builder.ts';

const MiB = 1024 * 1024;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST_PATH = '/v2/r/demo/manifests/1';

const good = buildTestImage({ layers: [tarArchive({ name: 'a', body: 'a' })] });
let folder: string;
let registry: FaultRegistry;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pull-hostile-'));
  registry = await FaultRegistry.start();
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function pull(): Promise<PulledImage> {
  return pullImage({
    reference: registry.reference,
    cacheDir: join(folder, 'cache'),
    registry: { insecureHosts: [registry.host], env: {} },
  });
}

/** A pull that must end in a coded error, leave nothing but the cache, and not hinder the next one. */
async function expectRefused(expected: object): Promise<void> {
  const error: unknown = await pull().then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MicrosandboxError);
  expect(error).toMatchObject(expected);
  expect(await readdir(folder)).toEqual(['cache']);
  registry.fault = () => false;
  registry.serve(good);
  expect(await pull()).toMatchObject({ cached: false });
}

/** Sends zeros after `head` until the reader has enough; counts them. */
function flood(response: ServerResponse, head: string, total: number, sent: { bytes: number }): void {
  const chunk = Buffer.alloc(MiB, ' ');
  response.write(head);
  const more = (): void => {
    while (!response.destroyed && sent.bytes < total) {
      sent.bytes += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    if (!response.destroyed) response.end();
  };
  more();
}

const only =
  (path: string, answer: (response: ServerResponse) => void): Fault =>
  ({ url }, response) => {
    if (url !== path) return false;
    answer(response);
    return true;
  };

describe('manifests', () => {
  it.each(['with', 'without'])('of 200 MB are not read, %s a length', async (length) => {
    const sent = { bytes: 0 };
    const total = 200 * MiB;
    registry.fault = only(MANIFEST_PATH, (response) => {
      const known = length === 'with' ? { 'content-length': total + 1 } : {};
      response.writeHead(200, { 'content-type': MANIFEST, ...known });
      flood(response, '{', total, sent);
    });
    await expectRefused({ code: 'image', message: expect.stringContaining('manifest') });
    expect(sent.bytes).toBeLessThan(40 * MiB);
  });

  it('of 100 000 layers are refused, whichever limit they meet', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const config = { digest, size: 2 };
    for (const count of [20_000, 100_000]) {
      const layers = Array.from({ length: count }, () => ({ digest, size: 1 }));
      registry.put(
        'manifests/1',
        Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers })),
        MANIFEST,
      );
      await expectRefused({ code: 'image', message: expect.stringMatching(/has 20000 layers|manifest/) });
      await rm(join(folder, 'cache'), { recursive: true });
    }
  });

  it('that name themselves are refused', async () => {
    const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };
    const digest = `sha256:${createHash('sha256').update('x').digest('hex')}`;
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, manifests: [{ digest, mediaType: INDEX, size: 300, platform }] }),
    );
    registry.put('manifests/1', index, INDEX);
    registry.put(`manifests/${digest}`, index, INDEX);
    await expectRefused({ code: 'digestMismatch' });
  });
});

/** The registry serves an image of one layer, packed, whose tar is this. */
function serveLayer(tar: Buffer): TestImage {
  const image = buildTestImage({ layers: [tar] });
  registry.serve(image);
  return image;
}

/** An archive of one file at a path of any length. */
function under(path: string): Buffer {
  return Buffer.concat([paxEntry({ path }), tarArchive({ name: 'x' })]);
}

describe('layers', () => {
  it.each<[string, string, Buffer]>([
    ['200 000 nested folders', 'path too long', under('d/'.repeat(200_000))],
    ['folders deeper than any limit', 'path too deep', under(`${'d/'.repeat(129)}x`)],
    ['10 TB', 'file too large', tarArchive({ name: 'a', size: 10n * 1024n ** 4n })],
    ['a name that climbs', 'path traversal in tar', tarArchive({ name: 'a/../../../outside', body: 'x' })],
    [
      'a link that climbs',
      'path traversal in tar',
      tarArchive({ name: 'a', type: '1', linkName: '../../x' }),
    ],
    [
      'a hard link to nothing',
      'hardlink target not found',
      tarArchive({ name: 'a', type: '1', linkName: 'b' }),
    ],
    ['a whiteout of the root', 'invalid whiteout', tarArchive({ name: '.wh..' })],
    ['a wrong checksum', 'checksum', Buffer.alloc(1024, 'x')],
    [
      'a map that lies',
      'materialization failed',
      Buffer.concat([
        paxEntry({
          'GNU.sparse.major': '1',
          'GNU.sparse.minor': '0',
          'GNU.sparse.realsize': '99999999999999',
        }),
        tarArchive({ name: 's', body: '1\n99999999999\n512\n'.padEnd(512, '\0') }),
      ]),
    ],
  ])('with %s', async (_name, message, tar) => {
    serveLayer(tar);
    await expectRefused({ code: 'image', message: expect.stringContaining(message) });
  });

  it('with devices, odd names and links that lead out become files of the image, and nothing else', async () => {
    serveLayer(
      tarArchive(
        { name: 'dev/sda', type: '4' },
        { name: 'up', type: '2', linkName: '../../../../etc/passwd' },
        { name: '/absolute', body: 'x' },
      ),
    );
    expect(await pull()).toMatchObject({ cached: false });
    expect(await readdir(folder)).toEqual(['cache']);
  });

  it('that unpack to far more than they are end at the limit', async () => {
    const packed = createGzip();
    const block = Buffer.alloc(MiB);
    packed.write(tarEntry({ name: 'a', body: 'a' }));
    let fed = 0;
    // A bomb without end: about a thousandth of it is sent.
    const feed = (): void => {
      while (!packed.destroyed && packed.write(block)) fed += 1;
      if (!packed.destroyed) packed.once('drain', feed);
    };
    feed();
    const chunks = decompress(packed[Symbol.asyncIterator]() as AsyncIterator<Buffer, void, void>, 'gzip');
    const limits = { streamBytes: 64 * MiB };
    const reading = readLayerTar(chunks, { spoolPath: join(folder, 'spool'), limits });
    await expect(reading).rejects.toThrow(new ImageError('archive too large'));
    packed.destroy();
    expect(fed).toBeLessThan(2000);
  }, 60_000);
});

describe('registries', () => {
  const layerPath = `/v2/r/demo/blobs/${good.layers[0]?.digest}`;
  const bytes = good.layers[0]?.bytes as Buffer;

  it('that reset every connection in the middle', async () => {
    registry.serve(good);
    registry.fault = only(layerPath, (response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1), () => response.socket?.resetAndDestroy());
    });
    await expectRefused({ code: 'registryUnreachable' });
  }, 60_000);

  it('that send more than they should', async () => {
    registry.serve(good);
    registry.fault = only(layerPath, (response) => {
      response.writeHead(200);
      flood(response, bytes.toString('latin1'), 64 * MiB, { bytes: 0 });
    });
    await expectRefused({ code: expect.stringMatching(/^(image|digestMismatch|registryUnreachable)$/) });
  }, 60_000);

  it('that redirect in circles between two addresses', async () => {
    registry.fault = ({ url }, response) => {
      response.writeHead(302, { location: url === '/a' ? '/b' : '/a' }).end();
      return true;
    };
    await expectRefused({ code: 'image', message: expect.stringContaining('redirects more than 5 times') });
  });

  it('that ask for credentials whatever they get', async () => {
    registry.fault = ({ url }, response) => {
      if (url?.startsWith('/token')) response.end(JSON.stringify({ token: 'x' }));
      else {
        const realm = `http://${registry.host}/token`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",scope="x"` }).end();
      }
      return true;
    };
    await expectRefused({ code: 'registryUnauthorized' });
    expect(registry.requests.length).toBeLessThan(20);
  });
});
