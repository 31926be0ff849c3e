import { isIP } from 'node:net';
import type { CheckedDestination } from '@microsandbox/network';
import { CustomError } from '@microsandbox/types';

const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const;
const DEFAULT_PORT = 443;

/**
 * `HOST[:PORT[/PROTO]]`; a port without protocol is TCP, and without a port it is 443.
 *
 * @throws CustomError
 */
export function parseDestination(text: string): CheckedDestination {
  const [place = '', protocolText = 'tcp'] = text.split('/');
  const protocol = PROTOCOLS.find((word) => word === protocolText);
  if (protocol === undefined) {
    throw new CustomError(`unknown protocol "${protocolText}"; expected tcp, udp, or icmp`);
  }
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(place) ?? [];
  const host = isIP(place) === 6 ? place : (bracketed ?? plain);
  if (host === undefined || host === '' || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new CustomError(`destination must be in format HOST[:PORT[/PROTO]], got "${text}"`);
  }
  if (protocol === 'icmp') return { host, port: null, protocol };
  const port = portText === undefined ? DEFAULT_PORT : Number(portText);
  if (port > 65_535) throw new CustomError(`destination port out of range: ${portText}`);
  return { host: host.toLowerCase(), port, protocol };
}
