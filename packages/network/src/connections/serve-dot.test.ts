import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { GATEWAY, listen, type ServingOptions, startServing } from '../../test-support/serving.ts';
import { tempDir } from '../../test-support/temp-dir.ts';
import { completeNetworkConfig } from '../config/network-settings.ts';
import type { QuerySource } from '../dns/dns-forwarder.ts';
import { DnsUpstreams } from '../dns/upstreams.ts';
import { TlsInterception } from '../tls/tls-interception.ts';

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

/** A guest's connection to port 853, answered by `resolve`. */
async function dot(resolve: (source: QuerySource) => Promise<Buffer | null>, servername = '') {
  const insert = { name: 'a.test', family: 4, addresses: ['192.0.2.1'], ttl: 60 } as const;
  const dns: ServingOptions['dns'] = {
    async resolve(source) {
      const response = await resolve(source);
      return response === null ? null : { response, inserts: [insert] };
    },
  };
  const serving = await startServing({ dns });
  const port = await serving.guestOf('dot', 853);
  const named = servername === '' ? {} : { servername };
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: serving.guestCa,
    ...named,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  return { serving, socket };
}

async function readAll(socket: TLSSocket): Promise<string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  let rest = Buffer.concat(chunks);
  const messages: string[] = [];
  while (rest.length >= 2) {
    const end = 2 + rest.readUInt16BE(0);
    messages.push(rest.subarray(2, end).toString());
    rest = rest.subarray(end);
  }
  return messages;
}

describe('DNS over TLS', () => {
  it('answers queries as they are known, and those that wait when the guest ends', async () => {
    const { serving, socket } = await dot(async ({ message }) => {
      await new Promise((resolve) => setTimeout(resolve, message.toString() === 'slow' ? 100 : 0));
      return Buffer.from(`re ${message}`);
    });
    expect(socket.getPeerCertificate().subjectaltname).toBe(`IP Address:${GATEWAY}`);
    socket.end(Buffer.concat([framed(Buffer.from('slow')), framed(Buffer.from('quick'))]));
    expect(await readAll(socket)).toEqual(['re quick', 're slow']);
    expect(serving.inserted).toHaveLength(2);
  });

  it('shows the name that the guest asked for', async () => {
    const { socket } = await dot(async () => null, 'Dns.Example');
    expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:dns.example');
    socket.destroy();
  });

  it('takes no more queries from a guest that reads no answers', async () => {
    let count = 0;
    const answer = Buffer.alloc(60_000);
    const { socket } = await dot(async () => {
      count += 1;
      return answer;
    });
    socket.pause();
    const query = framed(Buffer.alloc(12));
    const writing = Buffer.concat(Array.from({ length: 2000 }, () => query));
    socket.end(writing);
    let before = -1;
    while (before !== count) {
      before = count;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(count).toBeLessThan(1000);
    // Once it reads, it gets the rest.
    expect(await readAll(socket)).toHaveLength(2000);
  });

  it('keeps few queries waiting, however many come', async () => {
    let [waiting, most] = [0, 0];
    const { socket } = await dot(async ({ message }) => {
      waiting += 1;
      most = Math.max(most, waiting);
      await new Promise((resolve) => setTimeout(resolve, 2));
      waiting -= 1;
      return message;
    });
    const query = framed(Buffer.alloc(40));
    socket.end(Buffer.concat(Array.from({ length: 500 }, () => query)));
    expect(await readAll(socket)).toHaveLength(500);
    expect(most).toBeLessThanOrEqual(32);
  });
});

it('a server that the guest chose is asked by TLS too, when it proves its name', async () => {
  const serving = await startServing();
  const server = createTlsServer(await serving.certificateOf('dns.example'), (socket) => {
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      const reply = Buffer.from(data);
      reply.writeUInt8(reply.readUInt8(4) | 0x80, 4);
      socket.write(reply);
    });
  });
  const port = await listen(server);
  const dir = tempDir();
  writeFileSync(`${dir}/ca.pem`, serving.upstreamCa.certificatePem);
  const config = { ...completeNetworkConfig({}).tls, upstream_ca_cert: [`${dir}/ca.pem`] };
  const { trust } = await TlsInterception.load({ config, tlsDir: dir, onWarning: () => {} });
  using upstreams = new DnsUpstreams({ nameservers: [], timeoutMs: 3000 });
  const query = encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'a.test' }] });
  const ask = (serverName: string) =>
    upstreams.exchangeWith(
      { address: '127.0.0.1', port, tls: { serverName, trust: trust.of(serverName) } },
      query,
      'tcp',
    );
  expect((await ask('dns.example')).readUInt16BE(0)).toBe(7);
  await expect(ask('other.example')).rejects.toThrow();
});
