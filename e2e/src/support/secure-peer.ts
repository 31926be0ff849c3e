// The other end of the network in tests about TLS: servers that write down every byte they are told, and DNS.
// Arguments: a folder with the certificates of `test-certificates.ts`, below `site` the files to serve, and room for
// what is received; an IPv6 address of the peer.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type Http2Session, performServerHandshake } from 'node:http2';
import type { Socket } from 'node:net';
import { join, normalize } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { answerQuery } from './answer-query.ts';
import { startOddServers } from './odd-servers.ts';
import { HOSTS, receivedFile, type SecureHost } from './secure-hosts.ts';
import { PROXY_FILE, startTunnelProxy } from './tunnel-proxy.ts';
import { ECHO_FILE, startUdpEcho } from './udp-echo.ts';

const folder = process.argv[2] ?? '';
const hosts: readonly SecureHost[] = Object.values(HOSTS);

const read = (name: string): Buffer => readFileSync(join(folder, name));
const record = (file: string, bytes: Buffer | string): void => appendFileSync(join(folder, file), bytes);

const answer: RequestListener = async (request, response) => {
  const target = request.url ?? '/';
  const locations: Readonly<Record<string, string>> = {
    '/to-other': `https://${HOSTS.other.name}/landed`,
    '/to-plain': `http://${HOSTS.api.name}/landed`,
  };
  request.resume();
  await once(request, 'end').catch(() => {});
  const location = locations[target];
  if (location !== undefined) return response.writeHead(302, { location }).end();
  const file = normalize(decodeURIComponent(new URL(target, 'http://localhost').pathname));
  const path = join(folder, 'site', file.endsWith('/') ? `${file}index.html` : file);
  const content = await readFile(path).catch(() => null);
  if (content === null) return response.writeHead(404).end('no such file\n');
  return response
    .setHeader('content-type', path.endsWith('.html') ? 'text/html' : 'application/octet-stream')
    .end(content);
};

function serve(host: SecureHost): Promise<unknown>[] {
  const inside = receivedFile(host, 'tls');
  const plain = createHttpServer(answer);
  plain.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => record(receivedFile(host, 'plain'), bytes));
  });
  const http1 = createHttpServer(answer);
  const certificate = host.isLiar ? 'liar' : 'hosts';
  const secure = createTlsServer({
    cert: read(`${certificate}.crt`),
    key: read(`${certificate}.key`),
    ...(host.tls && { minVersion: host.tls, maxVersion: host.tls }),
    ALPNProtocols: host.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
  });
  secure.on('tlsClientError', () => {});
  secure.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {});
    if (host.http2 && socket.alpnProtocol !== 'http/1.1') return speakHttp2(socket, inside);
    http1.emit('connection', socket);
    // Afterwards: the server would take the bytes from below a listener that was there before it.
    socket.on('data', (bytes: Buffer) => record(inside, bytes));
  });
  return [plain.listen(80, host.address), secure.listen(443, host.address)].map((server) =>
    once(server, 'listening'),
  );
}

/** Header compression hides what is on the connection, so the decoded fields are written down. */
function speakHttp2(socket: Socket, inside: string): void {
  const session: Http2Session = performServerHandshake(socket);
  session.on('error', () => {});
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    record(inside, `${JSON.stringify(headers)}\n`);
    stream.on('data', (bytes: Buffer) => record(inside, bytes));
    stream.respond({ ':status': 200 });
    stream.end('over HTTP/2\n');
  });
}

/** Names that lead elsewhere than they say, the second time or from the beginning. */
function oddAddresses(name: string): readonly string[] {
  if (name === 'rebinding.example.net') {
    rebindings += 1;
    return [rebindings > 1 ? '10.99.0.1' : HOSTS.other.address];
  }
  return name === 'mixed.example.net' ? [HOSTS.other.address, '10.99.0.1'] : [];
}

let rebindings = 0;

/** A name server; what it says about one name is no answer at all. */
function answerNames(address: string, addressesOf: (name: string) => readonly string[]): Promise<unknown> {
  const socket = createSocket('udp4', (query, from) => {
    record('dns.received', query);
    const isGarbage = query.includes('garbage');
    const reply = isGarbage ? Buffer.alloc(512, query.subarray(0, 2)) : answerQuery(query, addressesOf);
    socket.send(reply, from.port, from.address);
  });
  socket.bind(53, address);
  return once(socket, 'listening');
}

function addressesOfHost(name: string): readonly string[] {
  const host = hosts.find((one) => one.name === name);
  return host === undefined ? oddAddresses(name) : [host.address];
}

await Promise.all([
  ...hosts.flatMap(serve),
  startOddServers(HOSTS.other.address),
  startUdpEcho([HOSTS.other.address, process.argv[3] ?? ''], (bytes) => record(ECHO_FILE, bytes)),
  startTunnelProxy({
    address: HOSTS.other.address,
    resolve: (host) => addressesOfHost(host)[0] ?? host,
    record: (bytes) => record(PROXY_FILE, bytes),
  }),
  answerNames('93.184.216.53', addressesOfHost),
  answerNames(HOSTS.liar.address, () => [HOSTS.liar.address]),
]);
console.log('ready');
