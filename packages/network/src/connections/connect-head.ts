import { isIPv6 } from 'node:net';
import { BlockedConnection } from '../secrets/blocked.ts';

/** What a proxy is asked to connect to. */
export interface ConnectTarget {
  /** Lower case, without brackets and dots at the end. */
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;

/**
 * Reads the request line of a CONNECT (spec: network 5.5, RFC 9110 section 9.3.6).
 *
 * @throws BlockedConnection
 */
export function readConnectHead(head: string): ConnectTarget {
  const [line = ''] = head.split('\r\n', 1);
  const [method, authority = '', version, ...more] = line.split(' ');
  if (method !== 'CONNECT' || more.length > 0 || !/^HTTP\/\d+\.\d+$/.test(version ?? '')) {
    throw new BlockedConnection('CONNECT: malformed request line');
  }
  const [, bracketed, bare, digits = ''] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(authority) ?? [];
  const host = (bracketed ?? bare ?? '').toLowerCase().replace(/\.+$/, '');
  const port = Number(digits);
  const isHost = bracketed === undefined ? host !== '' : isIPv6(bracketed);
  if (!isHost || digits === '' || port === 0 || port > MAX_PORT) {
    throw new BlockedConnection('CONNECT: malformed target');
  }
  return { host, port };
}
