import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Port of the proxy. */
export const PROXY_PORT = 3128;

/** File in the peer's folder with every byte that the proxy was told, inside of tunnels too. */
export const PROXY_FILE = 'proxy.received';

export interface TunnelProxyOptions {
  readonly address: string;
  /** Address of a host by its name, or what it is given when that is none. */
  readonly resolve: (host: string) => string;
  readonly record: (bytes: Buffer) => void;
}

/** A proxy that makes tunnels (RFC 9110 section 9.3.6) to wherever it is asked to. */
export async function startTunnelProxy({ address, resolve, record }: TunnelProxyOptions): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => {});
    client.on('data', record);
    const parts: Buffer[] = [];
    const read = (bytes: Buffer): void => {
      parts.push(bytes);
      const asked = Buffer.concat(parts);
      const end = asked.indexOf('\r\n\r\n');
      if (end === -1) return;
      client.off('data', read);
      client.pause();
      const [, host = '', port] = /^CONNECT ([^ ]+):(\d+) /.exec(asked.toString('latin1')) ?? [];
      const server = connect({ host: resolve(host), port: Number(port), allowHalfOpen: true });
      server.on('error', () => client.destroy());
      server.once('connect', () => join(client, server, asked.subarray(end + 4)));
    };
    client.on('data', read);
  });
  await once(server.listen(PROXY_PORT, address), 'listening');
}

function join(client: Socket, server: Socket, first: Buffer): void {
  client.write('HTTP/1.1 200 Connection established\r\n\r\n');
  if (first.length > 0) server.write(first);
  client.pipe(server).pipe(client);
  client.once('close', () => server.destroy());
}
