import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpRegistry, parseImageReference, pullImage } from '../src/index.ts';
import { FaultRegistry } from './fault-registry.ts';
import { tarArchive } from './tar-builder.ts';

const image = buildTestImage({ layers: [tarArchive({ name: 'a', body: 'a' })] });
const TIMEOUTS = { connectMs: 500, headersMs: 500, bodyMs: 60_000 };

let registry: FaultRegistry;

beforeEach(async () => {
  registry = await FaultRegistry.start();
  registry.serve(image);
});
afterEach(() => registry[Symbol.asyncDispose]());

/** Does something again and again until the client has gone. */
function keepDoing(response: ServerResponse, action: () => void): true {
  const timer = setInterval(action, 20);
  response.on('close', () => clearInterval(timer));
  return true;
}

/** One byte after the other, quicker than any time-out between two. */
const drip = (response: ServerResponse): true => keepDoing(response, () => response.write('x'));

async function manifest(): Promise<string> {
  await using client = new HttpRegistry({
    insecureHosts: [registry.host],
    env: {},
    maxRetries: 0,
    timeouts: TIMEOUTS,
  });
  return (await client.manifest(parseImageReference(registry.reference), {})).digest;
}

describe('a server that never comes to the point', () => {
  it('is given up when it sends interim answers for ever', async () => {
    registry.fault = (_request, response) => keepDoing(response, () => response.writeProcessing());
    await expect(manifest()).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining('timed out'),
    });
  });

  it('is not listened to when it redirects with a body that does not end', async () => {
    registry.fault = ({ url }, response) => {
      if (url !== '/v2/r/demo/manifests/1') return false;
      response.writeHead(307, { location: `/v2/r/demo/manifests/${image.manifest.digest}` });
      return drip(response);
    };
    expect(await manifest()).toBe(image.manifest.digest);
  });

  it.each([401, 500])(
    'is not listened to when it explains a %i without end',
    async (status) => {
      registry.fault = (_request, response) => {
        response.writeHead(status);
        return drip(response);
      };
      await expect(manifest()).rejects.toMatchObject({ message: expect.stringContaining(`(${status})`) });
    },
    30_000,
  );
});

describe('a server that cannot serve a part', () => {
  let cacheDir: string;
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'registry-parts-'));
  });
  afterEach(() => rm(cacheDir, { recursive: true, force: true }));

  it.each<[string, number, Readonly<Record<string, string>>]>([
    ['says so', 416, {}],
    ['calls the request bad', 400, {}],
    ['sends another one', 206, { 'content-range': 'bytes 0-9/100' }],
    ['does not say which it sends', 206, {}],
  ])('and %s is asked for the whole', async (_how, status, headers) => {
    const { digest, bytes } = image.layers[0] ?? { digest: '', bytes: Buffer.alloc(0) };
    const ranges: (string | undefined)[] = [];
    registry.fault = (request, response) => {
      if (request.url !== `/v2/r/demo/blobs/${digest}`) return false;
      const { range } = request.headers;
      ranges.push(range);
      if (range !== undefined) {
        response.writeHead(status, headers).end();
        return true;
      }
      if (ranges.length > 1) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 10), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    await pullImage({
      reference: registry.reference,
      cacheDir,
      registry: { insecureHosts: [registry.host], env: {} },
    });
    expect(ranges).toEqual([undefined, 'bytes=10-', undefined]);
  });
});
