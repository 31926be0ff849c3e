import { isIP } from 'node:net';
import type { InvalidConfigError } from '@microsandbox/types';
import { invalidConfig } from './invalid-config.ts';

const DEFAULT_PORT = 53;
const MAX_PORT = 65_535;

/** A name server by address or by name, which the host resolves. */
export interface Nameserver {
  readonly host: string;
  readonly port: number;
}

/**
 * `IP`, `IP:PORT`, `[V6]:PORT`, `HOST` or `HOST:PORT`; port 53 when none is given (spec: network 12.2).
 *
 * @throws InvalidConfigError
 */
export function parseNameserver(text: string): Nameserver {
  const trimmed = text.trim();
  if (isIP(trimmed) !== 0) return { host: trimmed, port: DEFAULT_PORT };
  const [, v6, v6Port] = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(trimmed) ?? [];
  if (v6 !== undefined && isIP(v6) === 6) return { host: v6, port: portOf(v6Port, text) };
  const [, host, port] = /^([^\s:[\]]+)(?::(\d{1,5}))?$/.exec(trimmed) ?? [];
  if (host === undefined) throw invalid(text);
  return { host, port: portOf(port, text) };
}

/** As it is stored, always with its port. */
export function formatNameserver({ host, port }: Nameserver): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function portOf(digits: string | undefined, text: string): number {
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port < 1 || port > MAX_PORT) throw invalid(text);
  return port;
}

function invalid(text: string): InvalidConfigError {
  return invalidConfig(
    `invalid nameserver ${JSON.stringify(text)}; expected IP, IP:PORT, HOST, or HOST:PORT`,
  );
}
