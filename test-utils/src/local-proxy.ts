import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface LocalProxyOptions {
  /** Require these HTTP Basic credentials. */
  readonly auth?: { readonly username: string; readonly password: string };
}

/** A web proxy of its own on 127.0.0.1: plain requests and tunnels. */
export interface LocalProxy extends AsyncDisposable {
  readonly port: number;
  /** What was asked for: `GET http://…` or `CONNECT host:port`. */
  readonly requests: string[];
}

/** Starts a proxy that passes everything on. */
export async function startLocalProxy({ auth }: LocalProxyOptions = {}): Promise<LocalProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const expected = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  const mayPass = (given: string | undefined): boolean => expected === undefined || given === expected;
  const server = createServer((incoming, response) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    if (!mayPass(incoming.headers['proxy-authorization'])) {
      response.writeHead(407).end();
      return;
    }
    const { 'proxy-authorization': _, ...headers } = incoming.headers;
    const onward = request(incoming.url ?? '', { method: incoming.method ?? 'GET', headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, client: Socket) => {
    requests.push(`CONNECT ${incoming.url}`);
    client.on('error', () => {});
    if (!mayPass(incoming.headers['proxy-authorization'])) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${incoming.url}`);
    const onward = connect(Number(port), hostname, () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    sockets.add(onward);
    onward.on('error', () => client.destroy());
    onward.pipe(client).pipe(onward);
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
