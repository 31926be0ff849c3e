import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { familyOf } from '../policy/cidr.ts';
import type { ServerTrust } from '../tls/upstream-trust.ts';
import { readQuestion } from './question.ts';

/** How a name server proves who it is. */
export interface ServerTls {
  readonly serverName: string;
  readonly trust: ServerTrust;
}

/** A name server by address. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
  /** Asks by TLS (RFC 7858). */
  readonly tls?: ServerTls;
}

/**
 * Asks a name server over UDP. The query goes out with an id and from a port of its own; whatever else arrives, from
 * elsewhere or about something else, is not heard.
 *
 * @returns the response, with the query's own id
 * @throws Error when the server cannot be reached or does not answer in time
 */
export function exchangeUdp(query: Buffer, server: ServerAddress, timeoutMs: number): Promise<Buffer> {
  const id = randomInt(0x1_0000);
  const sent = Buffer.from(query);
  sent.writeUInt16BE(id, 0);
  const type = familyOf(server.address.replace(/%.*$/, '')) === 6 ? 'udp6' : 'udp4';
  const socket = createSocket(type);
  return new Promise<Buffer>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    socket.once('error', (error) => settle(() => reject(error)));
    socket.on('message', (response) => {
      if (!answers(response, sent)) return;
      settle(() => resolve(withId(response, query.readUInt16BE(0))));
    });
    // Connected, so that the kernel hands over only what comes from this server.
    socket.connect(server.port, server.address, () => socket.send(sent));
  }).finally(() => socket.close());
}

/** Whether a message is a response to the query: same id, same question. */
export function answers(response: Buffer, query: Buffer): boolean {
  if (response.length < 12 || response.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((response.readUInt16BE(2) & 0x8000) === 0) return false;
  const asked = readQuestion(query);
  if (asked === null || asked === 'count') return false;
  // A server that fails may leave the question out.
  if (response.readUInt16BE(4) === 0) return (response.readUInt16BE(2) & 0x000f) !== 0;
  const repeated = response.subarray(12, 12 + asked.bytes.length);
  return repeated.toString('latin1').toLowerCase() === asked.bytes.toString('latin1').toLowerCase();
}

/** The message with another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}
