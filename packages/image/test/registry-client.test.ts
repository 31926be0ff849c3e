import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, freePort, mustRun } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpRegistry, type HttpRegistryOptions, parseImageReference, resolveImage } from '../src/index.ts';
import { FaultRegistry } from './fault-registry.ts';
import { tarEntry } from './tar-builder.ts';

const image = buildTestImage({ layers: [Buffer.concat([tarEntry({ name: 'a' }), Buffer.alloc(1024)])] });
const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };
const open: AsyncDisposable[] = [];
let registry: FaultRegistry;

beforeEach(async () => {
  registry = await FaultRegistry.start();
  open.push(registry);
  registry.serve(image);
});
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

function client(options: HttpRegistryOptions = {}): HttpRegistry {
  const made = new HttpRegistry({ insecureHosts: [registry.host], ...options });
  open.push(made);
  return made;
}

function resolve(options: HttpRegistryOptions = {}, reference = registry.reference): Promise<unknown> {
  return resolveImage({ registry: client(options), reference: parseImageReference(reference), platform });
}

async function serve(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly origin: string; readonly server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  open.push({
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('a registry that wants a token', () => {
  /** Token server that knows one user and lets others in as well, unless `strict`. */
  async function tokenServer(
    strict = false,
  ): Promise<{ origin: string; seen: { url: URL; user: string }[] }> {
    const seen: { url: URL; user: string }[] = [];
    const { origin } = await serve((request, response) => {
      const user = Buffer.from((request.headers.authorization ?? '').slice(6), 'base64').toString();
      seen.push({ url: new URL(request.url ?? '', 'http://x'), user });
      const refused = user === '' ? strict : user !== 'me:secret';
      response.writeHead(refused ? 401 : 200);
      response.end(
        JSON.stringify(refused ? { details: 'incorrect username or password' } : { token: `t-${user}` }),
      );
    });
    registry.fault = ({ headers }, response) => {
      if (headers.authorization?.startsWith('Bearer t-')) return false;
      const challenge = `Bearer realm="${origin}/token?x=1",service="the registry",scope="repository:other:push"`;
      response.writeHead(401, { 'www-authenticate': challenge });
      response.end();
      return true;
    };
    return { origin, seen };
  }

  it('gets one anonymously, once for the repository', async () => {
    const { seen } = await tokenServer();
    await resolve();
    expect(seen).toHaveLength(1);
    expect(Object.fromEntries(seen[0]?.url.searchParams ?? [])).toEqual({
      x: '1',
      service: 'the registry',
      scope: 'repository:r/demo:pull',
    });
    expect(registry.requests.filter(({ authorization }) => authorization === undefined)).toHaveLength(1);
  });

  it('gets one with credentials, which the registry itself does not see', async () => {
    const { seen } = await tokenServer(true);
    await resolve({ auth: { username: 'me', password: 'secret' } });
    expect(seen[0]?.user).toBe('me:secret');
    expect(registry.requests.every(({ authorization }) => !authorization?.startsWith('Basic'))).toBe(true);
  });

  it('says that credentials are wrong, or missing', async () => {
    await tokenServer(true);
    const wrong = resolve({ auth: { username: 'me', password: 'nope' } });
    await expect(wrong).rejects.toMatchObject({
      code: 'registryUnauthorized',
      message: expect.stringMatching(/\/r\/demo:1 denied \(401: incorrect username or password\)$/),
      hint: expect.stringContaining('check the credentials'),
    });
    await expect(wrong).rejects.not.toThrow('nope');
    await expect(resolve()).rejects.toMatchObject({
      code: 'registryUnauthorized',
      hint: expect.stringContaining(`msb registry login ${registry.host}`),
    });
  });

  it('asks for a new token when the old one has run out', async () => {
    const { seen } = await tokenServer();
    registry.serve(image);
    const http = client();
    const reference = parseImageReference(registry.reference);
    // The server names no life time; a JSON web token of the past is not used twice.
    const past = Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url');
    const { origin } = await serve((_request, response) =>
      response.end(JSON.stringify({ token: `t-.${past}.` })),
    );
    const before = registry.fault;
    registry.fault = (request, response) => {
      if (request.headers.authorization !== undefined) return before(request, response);
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${origin}"` });
      response.end();
      return true;
    };
    await http.manifest(reference, {});
    await http.manifest(reference, {});
    expect(seen).toEqual([]);
    expect(registry.requests.map(({ authorization }) => authorization !== undefined)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it('is not asked for ever', async () => {
    const { origin, seen } = await tokenServer();
    registry.fault = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${origin}"` });
      response.end('{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}');
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({
      code: 'registryUnauthorized',
      message: expect.stringContaining('requested access to the resource is denied'),
    });
    expect([seen.length, registry.requests.length]).toEqual([1, 2]);
  });

  it.each([
    ['no JSON', 'text', /did not send JSON/],
    ['no token', '{}', /sent no token/],
    ['no object', '3', /sent no token/],
    ['a token that would split a header', '{"token":"a\\r\\nx: y"}', /sent no token/],
    ['too much', ' '.repeat(2_000_000), /more than 1048576 bytes/],
  ])('refuses %s', async (_name, body, message) => {
    const { origin } = await serve((_request, response) => response.end(body));
    registry.fault = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${origin}"` });
      response.end();
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({ code: 'image', message: expect.stringMatching(message) });
  });

  it.each(['file:///etc/passwd', 'ftp://x/', '', 'x'])('does not follow the realm %j', async (realm) => {
    registry.fault = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` });
      response.end();
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({
      message: expect.stringContaining('no usable token server'),
    });
  });
});

describe('a registry that wants a password', () => {
  it('gets it when it asks', async () => {
    const value = `Basic ${Buffer.from('me:sécret').toString('base64')}`;
    registry.fault = ({ headers }, response) => {
      if (headers.authorization === value) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
      response.end();
      return true;
    };
    await resolve({ auth: { username: 'me', password: 'sécret' } });
    expect(registry.requests[0]?.authorization).toBeUndefined();
    await expect(resolve()).rejects.toMatchObject({ code: 'registryUnauthorized' });
  });
});

describe('redirects', () => {
  it('are followed, without credentials to another host', async () => {
    const seen: (string | undefined)[] = [];
    const config = image.config.bytes;
    const { origin } = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(config);
    });
    registry.fault = ({ url, headers }, response) => {
      if (headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
        response.end();
      } else if (url?.includes('/blobs/')) {
        response.writeHead(307, { location: `${origin}/elsewhere?sig=1` });
        response.end();
      } else return false;
      return true;
    };
    await resolve({ auth: { username: 'me', password: 'secret' } });
    expect(seen).toEqual([undefined]);
  });

  it('to another host that asks for credentials get none', async () => {
    const seen: (string | undefined)[] = [];
    const { origin } = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
      response.end();
    });
    registry.fault = (_request, response) => {
      response.writeHead(302, { location: `${origin}/` });
      response.end();
      return true;
    };
    const attempt = resolve({ auth: { username: 'me', password: 'secret' } });
    await expect(attempt).rejects.toMatchObject({ code: 'registryUnauthorized' });
    expect(seen).toEqual([undefined]);
  });

  it.each([
    ['in circles', '/v2/r/demo/manifests/1', 'redirects more than 5 times'],
    ['to nowhere', 'file:///etc/passwd', 'redirects to no usable address'],
    ['to an address that is none', 'http://', 'redirects to no usable address'],
  ])('%s end with an error', async (_name, location, message) => {
    registry.fault = (_request, response) => {
      response.writeHead(302, { location });
      response.end();
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({
      code: 'image',
      message: expect.stringContaining(message),
    });
  });
});

describe('HTTPS', () => {
  let folder: string;
  let secure: FaultRegistry;
  let caPem: Buffer;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registry-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    await mustRun('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-keyout', key, '-out', cert, '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ]);
    caPem = await readFile(cert);
    secure = await FaultRegistry.start({ tls: { key: await readFile(key, 'utf8'), cert: caPem.toString() } });
    open.push(secure);
    secure.serve(image);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('trusts a certificate that was given', async () => {
    await resolve({ caCerts: [caPem] }, secure.reference);
  });

  it('trusts no other, and says what helps', async () => {
    await expect(resolve({}, secure.reference)).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining(`cannot reach ${secure.host}: self-signed certificate`),
      hint: expect.stringContaining('--ca-certs'),
    });
  });

  it('is the default: a server of plain HTTP is not spoken to', async () => {
    await expect(resolve({ insecureHosts: [] })).rejects.toMatchObject({
      code: 'registryUnreachable',
      hint: `if ${registry.host} speaks plain HTTP, pass --insecure`,
    });
    expect(registry.requests).toEqual([]);
  });

  it('is suggested when plain HTTP fails', async () => {
    await expect(resolve({ insecureHosts: [secure.host] }, secure.reference)).rejects.toMatchObject({
      code: 'registryUnreachable',
      hint: `if ${secure.host} speaks HTTPS, leave --insecure away`,
    });
  });

  it('is not left by a redirect', async () => {
    secure.fault = (_request, response) => {
      response.writeHead(302, { location: `http://${registry.host}/` });
      response.end();
      return true;
    };
    await expect(resolve({ caCerts: [caPem] }, secure.reference)).rejects.toMatchObject({
      message: expect.stringContaining('redirects from HTTPS to plain HTTP'),
    });
    expect(registry.requests).toEqual([]);
  });

  it('does not take tokens over plain HTTP', async () => {
    secure.fault = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` });
      response.end();
      return true;
    };
    const attempt = resolve(
      { caCerts: [caPem], auth: { username: 'me', password: 'secret' } },
      secure.reference,
    );
    await expect(attempt).rejects.toMatchObject({
      message: expect.stringContaining('no usable token server'),
    });
    expect(registry.requests).toEqual([]);
  });

  it.each([
    ['nothing', 'invalid PEM certificate: entry 0: no certificates found in PEM data'],
    [
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      'invalid PEM certificate: entry 0: failed to parse: ',
    ],
  ])('refuses %j as a certificate', (pem, message) => {
    expect(() => new HttpRegistry({ caCerts: [Buffer.from(pem)] })).toThrow(message);
  });
});

describe('failures', () => {
  it('of a registry that is down name it and its reason', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    await expect(resolve({ insecureHosts: [host] }, `${host}/a`)).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: `registry error: cannot reach ${host}: connect ECONNREFUSED ${host}`,
    });
    await expect(resolve({}, `${host}/a`)).rejects.toMatchObject({
      hint: expect.stringContaining('--insecure'),
    });
  });

  it('of a host without address say so', async () => {
    await expect(resolve({}, 'no-such-host.invalid/a')).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: 'registry error: cannot reach no-such-host.invalid: its name cannot be resolved',
    });
  });

  it('of an unknown image name it', async () => {
    const reference = `${registry.host}/r/other:2`;
    await expect(resolve({}, reference)).rejects.toMatchObject({
      code: 'imageNotFound',
      message: `registry error: ${reference} not found on ${registry.host} (404: manifest unknown)`,
    });
  });

  it('of a forbidden image name it', async () => {
    registry.fault = (_request, response) => {
      response.writeHead(403);
      response.end('<html>no</html>');
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({
      code: 'registryUnauthorized',
      message: `registry error: access to ${registry.reference} denied (403)`,
    });
  });

  it('of a server that sends drop by drop come after a while', async () => {
    registry.fault = ({ url }, response) => {
      if (!url?.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-length': image.config.bytes.length });
      let at = 0;
      const timer = setInterval(() => response.write(image.config.bytes.subarray(at, ++at)), 30);
      response.on('close', () => clearInterval(timer));
      return true;
    };
    const started = performance.now();
    await expect(resolve({ speedFloor: { windowMs: 500, bytes: 1000 } })).rejects.toMatchObject({
      code: 'registryUnreachable',
      message: expect.stringContaining('sends too slowly'),
    });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('of something that is no web server are errors of the connection', async () => {
    const { createServer: createTcpServer } = await import('node:net');
    const server = createTcpServer((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1');
    open.push({ [Symbol.asyncDispose]: async () => void server.close() });
    await new Promise((ready) => server.once('listening', ready));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(resolve({ insecureHosts: [host] }, `${host}/a`)).rejects.toMatchObject({
      code: 'registryUnreachable',
    });
  });
});
