import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

/**
 * Servers of the host for the bench of the network, on free ports of 127.0.0.1: `greet` closes at once, `http` takes
 * everything and answers in a few bytes, or sends `bytes` for `/large`, `dns` says 192.0.2.1.
 */
export async function networkServers(bytes) {
  const chunk = Buffer.alloc(64 * 1024, 0x61);
  const servers = {
    greet: createServer((socket) => socket.on('error', () => {}).end()),
    http: createHttpServer(async (request, response) => {
      for await (const _piece of request);
      if (request.url !== '/large') return response.end('hello');
      for (let left = bytes; left > 0; left -= chunk.length) {
        if (!response.write(chunk)) await once(response, 'drain');
      }
      return response.end();
    }),
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
