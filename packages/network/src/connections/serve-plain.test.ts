import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type Socket, connect as tcpConnect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import type { NetworkStack } from '@microsandbox/native';
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
import { readConnectHead } from './connect-head.ts';

/** A secret that may go without a certificate. */
const PLAIN = secretFor({ require_tls_identity: false });

interface Plain {
  readonly serving: Serving;
  readonly guestPort: number;
}

async function plain(options: ServingOptions, onConnection: (socket: Socket) => void): Promise<Plain> {
  const serving = await startServing(options);
  return { serving, guestPort: await serving.guestOf('plain', await listenTcp(onConnection)) };
}

/** What comes back when a guest says something and ends. */
async function say({ guestPort }: Plain, text: string): Promise<string> {
  const socket = tcpConnect(guestPort, '127.0.0.1');
  socket.end(text);
  return (await buffer(socket)).toString();
}

const echo = (socket: Socket): void => void socket.pipe(socket);

describe('plain connections', () => {
  it('carry secrets that need no certificate, to their host only', async () => {
    const own = await plain({ secrets: [PLAIN] }, echo);
    const text = `GET /?$MSB_K HTTP/1.1\r\nHost: ${HOST}:80\r\nX: $MSB_K\r\n\r\n`;
    expect(await say(own, text)).toBe(text.replaceAll('$MSB_K', VALUE));
    const strict = await plain({ secrets: [secretFor()] }, echo);
    expect(await say(strict, text)).toBe(text);
    const away = await plain({ secrets: [PLAIN], names: ['evil.example'] }, echo);
    expect(await say(away, text.replace(HOST, 'evil.example'))).toBe('');
    expect(away.serving.events).toMatchObject([
      { type: 'violation', report: { sni: '', host: 'evil.example:80', method: 'GET', location: 'query' } },
    ]);
  });

  it('pass whatever is no HTTP, but no placeholder', async () => {
    const peer = await plain({ secrets: [PLAIN], tls: null }, echo);
    for (const text of ['EHLO me\r\n', '*1\r\n$4\r\nPING\r\n', '\0\x01binary', 'SSH-2.0-x\r\n']) {
      expect(await say(peer, text)).toBe(text);
    }
    expect(await say(peer, 'AUTH $MSB_K\r\n')).toBe('');
    expect(peer.serving.events).toMatchObject([{ type: 'violation', report: { location: 'unknown' } }]);
  });

  it('hear servers that speak first, while the guest says nothing', async () => {
    const peer = await plain({ secrets: [PLAIN], tls: null }, (socket) => {
      socket.write('220 hello\r\n');
      socket.on('data', (data) => socket.end(`got ${data}`));
    });
    const socket = tcpConnect(peer.guestPort, '127.0.0.1');
    expect(String(await once(socket, 'data'))).toBe('220 hello\r\n');
    socket.write('EHLO me\r\n');
    expect((await buffer(socket)).toString()).toBe('got EHLO me\r\n');
  });

  it('may end without a word', async () => {
    const peer = await plain({ secrets: [PLAIN], tls: null }, (socket) => void socket.resume().end('bye'));
    expect(await say(peer, '')).toBe('bye');
  });

  it('are given back to the stack where there is nothing to look for', async () => {
    const none = await plain({ secrets: [] }, echo);
    expect(await say(none, 'hello')).toBe('hello');
    const hello = await plain({ secrets: [PLAIN] }, echo);
    expect(await say(hello, '\x16\x03\x01 no look inside $MSB_K')).toBe('\x16\x03\x01 no look inside $MSB_K');
  });

  it('are reset where nobody listens', async () => {
    const serving = await startServing({ secrets: [PLAIN], tls: null });
    const socket = tcpConnect(await serving.guestOf('plain', 1), '127.0.0.1');
    await expect(once(socket, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(serving.events).toMatchObject([{ type: 'unreachable' }]);
  });
});

interface Proxied extends Plain {
  /** Heads that the proxy read. */
  readonly heads: string[];
  readonly requests: IncomingMessage[];
}

/** A proxy that answers a CONNECT and leads to an HTTPS server. */
async function proxied(
  options: ServingOptions = {},
  answer = 'HTTP/1.1 200 Connection established\r\n\r\n',
): Promise<Proxied> {
  const serving = await startServing({ names: [], ...options });
  const requests: IncomingMessage[] = [];
  const web = await listen(
    createHttpsServer(await serving.certificateOf(HOST), (message, response) => {
      requests.push(message);
      response.end('from the web');
    }),
  );
  const heads: string[] = [];
  const proxy = createHttpServer().on('connect', (message: IncomingMessage, socket: Socket) => {
    heads.push(`${message.url} ${JSON.stringify(message.headers)}`);
    socket.write(answer);
    if (!answer.includes(' 200 ')) return socket.end();
    const server = tcpConnect(web, '127.0.0.1');
    return socket.pipe(server).pipe(socket);
  });
  return { serving, guestPort: await serving.guestOf('plain', await listen(proxy)), heads, requests };
}

/** What a guest's request through the tunnel brings. */
async function tunnel(
  proxy: Proxied,
  head: string,
  { servername = HOST, ca = proxy.serving.guestCa } = {},
): Promise<{ readonly answer: string; readonly page: string }> {
  const raw = tcpConnect(proxy.guestPort, '127.0.0.1');
  raw.on('error', () => {});
  raw.write(head);
  const [answer] = (await Promise.race([once(raw, 'data'), once(raw, 'end')])) as [Buffer?];
  if (answer === undefined || !answer.includes(' 200 ')) return { answer: String(answer ?? ''), page: '' };
  const socket = tlsConnect({ socket: raw, servername, ca });
  let page = '';
  socket.on('data', (data: Buffer) => {
    page += data.toString();
  });
  socket.on('error', () => {});
  socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nX: $MSB_K\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve) => socket.once('close', resolve));
  return { answer: answer.toString(), page };
}

const TO_HOST = `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}:443\r\n\r\n`;

describe('tunnels through a proxy', () => {
  it('are intercepted, and carry secrets without a look-up of their own', async () => {
    const proxy = await proxied();
    expect((await tunnel(proxy, TO_HOST)).page).toContain('from the web');
    expect(proxy.requests[0]?.headers['x']).toBe(VALUE);
    expect(proxy.heads[0]).toContain(`${HOST}:443 `);
  });

  it('are left alone on other ports and to bypassed hosts', async () => {
    const other = await proxied();
    const ca = other.serving.upstreamCa.certificatePem;
    const elsewhere = TO_HOST.replaceAll(':443', ':8443');
    expect((await tunnel(other, elsewhere, { ca })).page).toContain('from the web');
    expect(other.requests[0]?.headers['x']).toBe('$MSB_K');
    const bypassed = await proxied({ tls: { bypass: ['*.example.com'] } });
    const trust = { ca: bypassed.serving.upstreamCa.certificatePem };
    expect((await tunnel(bypassed, TO_HOST, trust)).page).toContain('from the web');
  });

  it('end where the server name is another one, or the policy says no', async () => {
    const forged = await proxied();
    expect((await tunnel(forged, TO_HOST, { servername: 'evil.example' })).page).toBe('');
    expect(forged.serving.events).toMatchObject([
      { type: 'refused', reason: 'CONNECT: another server name than the proxy was asked for' },
    ]);
    const asked: unknown[] = [];
    const evaluate: NetworkStack['evaluate'] = (question) => {
      asked.push(question);
      return { action: 'deny', reason: { decidedBy: 'default', rule: null }, allowRule: null };
    };
    const denied = await proxied({ evaluate });
    expect((await tunnel(denied, 'CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n')).page).toBe('');
    expect(asked).toMatchObject([{ address: '192.0.2.1', port: 443, hostname: { sni: HOST } }]);
    expect([...forged.requests, ...denied.requests]).toEqual([]);
  });

  it('give the proxy no placeholder', async () => {
    const proxy = await proxied();
    const head = `CONNECT ${HOST}:443 HTTP/1.1\r\nProxy-Authorization: Basic ${Buffer.from('u:$MSB_K').toString('base64')}\r\n\r\n`;
    expect((await tunnel(proxy, head)).answer).toBe('');
    expect(proxy.heads).toEqual([]);
    expect(proxy.serving.events).toMatchObject([
      { type: 'violation', report: { method: 'CONNECT', match_form: 'basic_auth_decoded' } },
    ]);
  });

  it('show the guest why the proxy refuses', async () => {
    const refusal = 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno';
    const proxy = await proxied({}, refusal);
    expect((await tunnel(proxy, TO_HOST)).answer).toBe(refusal);
  });

  it.each([
    'CONNECT a.test:443\r\n\r\n',
    'CONNECT a.test HTTP/1.1\r\n\r\n',
    'CONNECT 2001:db8::1:443 HTTP/1.1\r\n\r\n',
    'CONNECT [a.test]:443 HTTP/1.1\r\n\r\n',
    'CONNECT a.test:0 HTTP/1.1\r\n\r\n',
    'CONNECT a.test:65536 HTTP/1.1\r\n\r\n',
    'connect a.test:443 HTTP/1.1\r\n\r\n',
  ])('are refused when they are asked for like this: %j', (head) => {
    expect(() => readConnectHead(head)).toThrow(/^CONNECT: malformed/);
  });

  it('may lead to addresses', () => {
    expect(readConnectHead('CONNECT [2001:DB8::1]:443 HTTP/1.1\r\n')).toEqual({
      host: '2001:db8::1',
      port: 443,
    });
    expect(readConnectHead('CONNECT A.test.:80 HTTP/1.0\r\n')).toEqual({ host: 'a.test', port: 80 });
  });
});
