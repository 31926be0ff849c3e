import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTestImage,
  findProgram,
  type LocalProxy,
  type LocalRegistry,
  type LocalRegistryOptions,
  mustRun,
  startLocalProxy,
  startLocalRegistry,
  writeOciLayout,
} from '@microsandbox/test-utils';
import type { PullProgressEvent } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PulledImage, pullImage, type RegistryAccess } from '../src/index.ts';
import { FaultRegistry } from './fault-registry.ts';
import { tarEntry } from './tar-builder.ts';

const missing =
  (await findProgram('docker-registry')) === null || (await findProgram('skopeo')) === null
    ? 'docker-registry or skopeo is not installed'
    : null;
if (missing !== null) console.warn(`skipped: ${missing}`);

const image = buildTestImage({ layers: [Buffer.concat([tarEntry({ name: 'a' }), Buffer.alloc(1024)])] });
const NO_PROXY: NodeJS.ProcessEnv = {};
const open: AsyncDisposable[] = [];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-access-'));
});
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function opened<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}

async function servedImage(): Promise<FaultRegistry> {
  const registry = opened(await FaultRegistry.start());
  registry.serve(image);
  return registry;
}

/** Pulls into a cache of its own. */
async function pull(
  reference: string,
  registry: RegistryAccess,
  onProgress: (event: PullProgressEvent) => void = () => undefined,
): Promise<PulledImage> {
  const cacheDir = await mkdtemp(join(folder, 'cache-'));
  return pullImage({ reference, cacheDir, registry: { env: NO_PROXY, ...registry }, onProgress });
}

describe.skipIf(missing !== null)('docker-registry', () => {
  const auth = { username: 'me', password: 'se:cret' };

  async function withImage(options: LocalRegistryOptions): Promise<LocalRegistry & { reference: string }> {
    const registry = opened(await startLocalRegistry(options));
    const source = await mkdtemp(join(folder, 'layout-'));
    await writeOciLayout(source, image, '1');
    const reference = `${registry.host}/r/demo:1`;
    const { clientCert } = registry;
    const certs = await mkdtemp(join(folder, 'certs-'));
    if (clientCert !== null) {
      await mustRun('sh', ['-c', 'cat > "$0/a.cert"', certs], { input: clientCert.cert });
      await mustRun('sh', ['-c', 'cat > "$0/a.key"', certs], { input: clientCert.key });
    }
    await mustRun('skopeo', [
      ...['--insecure-policy', 'copy', '--dest-tls-verify=false'],
      ...(options.auth ? [`--dest-creds=${auth.username}:${auth.password}`] : []),
      ...(clientCert === null ? [] : [`--dest-cert-dir=${certs}`]),
      ...[`oci:${source}:1`, `docker://${reference}`],
    ]);
    return Object.assign(registry, { reference });
  }

  it('over TLS with a password is reached with the authority of that host', async () => {
    const { reference, host, caPem } = await withImage({ tls: true, auth });
    const caCerts = [Buffer.from(caPem ?? '')];
    expect(await pull(reference, { hosts: { [host]: { caCerts } }, auth })).toMatchObject({ cached: false });
    await expect(pull(reference, { hosts: { 'other:1': { caCerts } }, auth })).rejects.toMatchObject({
      code: 'registryUnreachable',
      hint: expect.stringContaining('--ca-certs'),
    });
    await expect(pull(reference, { hosts: { [host]: { caCerts } } })).rejects.toMatchObject({
      code: 'registryUnauthorized',
    });
  });

  it('that wants to know its clients gets their certificate', async () => {
    const { reference, host, caPem, clientCert } = await withImage({ tls: true, clientCertificates: true });
    const caCerts = [Buffer.from(caPem ?? '')];
    if (clientCert === null) throw new Error('no client certificate');
    expect(await pull(reference, { hosts: { [host]: { caCerts, clientCert } } })).toMatchObject({
      cached: false,
    });
    await expect(pull(reference, { hosts: { [host]: { caCerts } } })).rejects.toMatchObject({
      code: 'registryUnreachable',
    });
  });

  it('is reached through a proxy, by a tunnel for HTTPS', async () => {
    const { reference, host, caPem } = await withImage({ tls: true, auth });
    const proxy = opened(await startLocalProxy());
    const env = { https_proxy: `http://127.0.0.1:${proxy.port}` };
    await pull(reference, { caCerts: [Buffer.from(caPem ?? '')], auth, env });
    expect(new Set(proxy.requests)).toEqual(new Set([`CONNECT ${host}`]));
  });
});

describe('client certificates', () => {
  it('that cannot be used are refused before anything is asked', async () => {
    const clientCert = { cert: Buffer.from('x'), key: Buffer.from('y') };
    await expect(pull('r.test/a', { hosts: { 'r.test': { clientCert } } })).rejects.toMatchObject({
      code: 'invalidConfig',
      message: expect.stringMatching(/^invalid client certificate for r\.test: /),
    });
  });
});

describe('proxies', () => {
  const through = ({ port }: LocalProxy, user = ''): string => `http://${user}127.0.0.1:${port}`;

  it('take plain HTTP as it is, with a password of their own', async () => {
    const registry = await servedImage();
    const proxy = opened(await startLocalProxy({ auth: { username: 'p', password: 'q' } }));
    const access = { insecureHosts: [registry.host] };
    await pull(registry.reference, { ...access, env: { HTTP_PROXY: through(proxy, 'p:q@') } });
    expect(proxy.requests).toContain(`GET http://${registry.host}/v2/r/demo/manifests/1`);
    expect(registry.requests.length).toBe(proxy.requests.length);
    await expect(
      pull(registry.reference, { ...access, env: { http_proxy: through(proxy, 'p:wrong@') } }),
    ).rejects.toMatchObject({ code: 'registryUnreachable', message: expect.stringContaining('Proxy') });
  });

  it('are not asked for hosts that need none', async () => {
    const registry = await servedImage();
    const proxy = opened(await startLocalProxy());
    const env = { HTTP_PROXY: through(proxy), NO_PROXY: 'example.com,127.0.0.1' };
    await pull(registry.reference, { insecureHosts: [registry.host], env });
    expect(proxy.requests).toEqual([]);
    expect(registry.requests).not.toEqual([]);
  });

  it('that are down are named', async () => {
    const registry = await servedImage();
    const proxy = await startLocalProxy();
    await proxy[Symbol.asyncDispose]();
    const env = { HTTP_PROXY: through(proxy) };
    await expect(pull(registry.reference, { insecureHosts: [registry.host], env })).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining(`127.0.0.1:${proxy.port}`),
    });
  });
});

describe('mirrors', () => {
  const access = (...hosts: FaultRegistry[]): RegistryAccess => ({
    insecureHosts: hosts.map(({ host }) => host),
  });

  it('are asked first, with credentials of their own', async () => {
    const [origin, mirror] = [await servedImage(), await servedImage()];
    mirror.fault = ({ headers }, response) => {
      if (headers.authorization !== undefined) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="m"' }).end();
      return true;
    };
    const pulled = await pull(origin.reference, {
      ...access(origin, mirror),
      auth: { username: 'origin', password: 'o' },
      mirrors: [{ host: mirror.host, auth: { username: 'mirror', password: 'm' } }],
    });
    expect(pulled.reference).toBe(origin.reference);
    expect(origin.requests).toEqual([]);
    const sent = mirror.requests.map(({ authorization }) => authorization).filter(Boolean);
    expect(new Set(sent)).toEqual(new Set([`Basic ${Buffer.from('mirror:m').toString('base64')}`]));
  });

  it('that do not have it, are down or send something else are passed over', async () => {
    const [origin, empty, lying] = [
      await servedImage(),
      opened(await FaultRegistry.start()),
      await servedImage(),
    ];
    const wrong = Buffer.alloc(image.layers[0]?.bytes.length ?? 0, 'x');
    lying.put(`blobs/${image.layers[0]?.digest}`, wrong, 'application/octet-stream');
    const mirrors = [{ host: '127.0.0.1:1' }, { host: empty.host }, { host: lying.host }];
    lying.put(
      `blobs/${image.config.digest}`,
      Buffer.alloc(image.config.bytes.length, 'x'),
      'application/json',
    );
    await pull(origin.reference, { ...access(origin, empty, lying), mirrors });
    expect(origin.layerRequests(image)).toHaveLength(1);
  });

  it('that send wrong bytes of the right length are told of, and the next host is asked', async () => {
    const [origin, first, second] = [await servedImage(), await servedImage(), await servedImage()];
    const digest = image.layers[0]?.digest as string;
    const bytes = image.layers[0]?.bytes as Buffer;
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 1] = (flipped.at(-1) as number) ^ 1;
    first.put(`blobs/${digest}`, flipped, 'application/octet-stream');
    const events: PullProgressEvent[] = [];
    const mirrors = [{ host: first.host }, { host: second.host }];
    const access3 = access(origin, first, second);
    await pull(origin.reference, { ...access3, mirrors }, (event) => events.push(event));
    expect(events).toContainEqual({ kind: 'layerSourceRejected', layerIndex: 0, digest, host: first.host });
    expect(second.layerRequests(image)).toHaveLength(1);
    expect(origin.requests).toEqual([]);

    second.put(`blobs/${digest}`, flipped, 'application/octet-stream');
    origin.put(`blobs/${digest}`, flipped, 'application/octet-stream');
    const attempt = pull(origin.reference, { ...access3, mirrors });
    await expect(attempt).rejects.toMatchObject({ code: 'digestMismatch' });
    expect(origin.layerRequests(image)).toHaveLength(1);
  });

  it('that break off are gone on without', async () => {
    const [origin, mirror] = [await servedImage(), await servedImage()];
    const bytes = image.layers[0]?.bytes as Buffer;
    mirror.fault = (request, response) => {
      if (!request.url?.endsWith(image.layers[0]?.digest as string)) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 20), () => response.destroy());
      return true;
    };
    await pull(origin.reference, { ...access(origin, mirror), mirrors: [{ host: mirror.host }] });
    expect(mirror.layerRequests(image)).toHaveLength(1);
    expect(origin.layerRequests(image)).toEqual([expect.stringMatching(/ bytes=20-$/)]);
  });
});
