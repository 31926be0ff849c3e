// The other end of the network in tests: HTTP, a crowd that is let go together, and DNS.
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { answerQuery } from './answer-query.ts';

const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  'example.com': ['93.184.216.34'],
  'lying.example.com': ['10.99.0.1'],
};

const answer = (query: Buffer): Buffer => answerQuery(query, (name) => ADDRESSES[name] ?? []);

const CONTENT = Buffer.alloc(50 * 1024 * 1024, 'fifty mebibytes of text ');

/** How many have to come before all of them are let go. */
const CROWD = 256;

const http = createHttpServer(async (request, response) => {
  if (request.url === '/large') return response.end(CONTENT);
  if (request.method !== 'POST') return response.end('hello from the peer\n');
  const hash = createHash('sha256');
  for await (const chunk of request) hash.update(chunk);
  return response.end(hash.digest('hex'));
});

const waiting: Socket[] = [];
// A client that has nothing to say closes its half at once.
const crowd = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  waiting.push(socket);
  if (waiting.length === CROWD) for (const one of waiting.splice(0)) one.end('all here\n');
});

/** DNS; on another port than 53 it is plain UDP for the guest's host. */
const dns = createSocket('udp4', (query, { port, address }) => dns.send(answer(query), port, address));
const udp = createSocket('udp4', (query, { port, address }) => udp.send(answer(query), port, address));

http.listen(80, '::', () => {
  crowd.listen(81, '::', 512, () => {
    udp.bind(5300, '93.184.216.34', () => dns.bind(53, '93.184.216.53', () => console.log('ready')));
  });
});
