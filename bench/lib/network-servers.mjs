import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

/**
 * Servers of the host for the bench of the network, on free ports of 127.0.0.1: `sink` takes everything and answers
 * `done`, `source` sends `bytes`, `greet` closes at once, `http` answers in a few bytes, `dns` says 192.0.2.1.
 */
export async function networkServers(bytes) {
  const chunk = Buffer.alloc(64 * 1024, 0x61);
  const servers = {
    sink: createServer({ allowHalfOpen: true }, (socket) => {
      socket
        .on('error', () => {})
        .on('end', () => socket.end('done'))
        .resume();
    }),
    source: createServer({ allowHalfOpen: true }, async (socket) => {
      socket.on('error', () => {}).resume();
      for (let left = bytes; left > 0; left -= chunk.length) {
        if (!socket.write(chunk)) await once(socket, 'drain');
      }
      socket.end();
    }),
    greet: createServer((socket) => socket.on('error', () => {}).end()),
    http: createHttpServer((_request, response) => response.end('hello')),
  };
  const ports = {};
  for (const [name, server] of Object.entries(servers)) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports[name] = server.address().port;
  }
  const dns = createSocket('udp4', (query, { port, address }) => dns.send(answer(query), port, address));
  dns.bind(0, '127.0.0.1');
  await once(dns, 'listening');
  ports.dns = dns.address().port;
  return {
    ports,
    [Symbol.dispose]() {
      for (const server of Object.values(servers)) server.close();
      dns.close();
    },
  };
}

/** One address for every question of that type, and nothing for the others. */
function answer(query) {
  let end = 12;
  while (query[end] > 0) end += query[end] + 1;
  const question = query.subarray(12, end + 5);
  const found = query.readUInt16BE(end + 1) === 1;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(Number(found), 6);
  header.fill(0, 8);
  const record = found ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1] : [];
  return Buffer.concat([header, question, Buffer.from(record)]);
}
