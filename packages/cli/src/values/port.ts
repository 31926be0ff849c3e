import { isIP } from 'node:net';
import { CustomError } from '@microsandbox/types';

/** A port of the guest that is reached over the host. */
export interface PortSpec {
  readonly bind: string;
  /** 0 takes a free one. */
  readonly host: number;
  readonly guest: number;
  readonly protocol: 'tcp' | 'udp';
}

const MAX_PORT = 65_535;
const DEFAULT_BIND = '127.0.0.1';

/**
 * `[BIND:]HOST:GUEST[/tcp|/udp]`, an IPv6 address in brackets (spec: cli 3.10).
 *
 * @throws CustomError
 */
export function parsePort(text: string): PortSpec {
  const [, body = '', protocol = 'tcp'] = /^(.*?)(?:\/(tcp|udp))?$/s.exec(text) ?? [];
  const { bind, ports } = body.startsWith('[') ? bracketed(body) : plain(body);
  const [host, guest, ...more] = ports;
  if (host === undefined || guest === undefined || more.length > 0) {
    throw new CustomError('port must be in format HOST:GUEST[/udp] or BIND_ADDR:HOST:GUEST[/udp]');
  }
  if (isIP(bind) === 0) throw new CustomError(`invalid bind address: ${bind}`);
  return {
    bind,
    host: portOf('host', host),
    guest: portOf('guest', guest),
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
  };
}

function bracketed(body: string): { readonly bind: string; readonly ports: readonly string[] } {
  const [, bind, rest] = /^\[([^\]]*)\]:(.*)$/.exec(body) ?? [];
  if (bind === undefined || rest === undefined || !/^[^:]+:[^:]+$/.test(rest)) {
    throw new CustomError('IPv6 port bind must be in format [ADDR]:HOST:GUEST[/udp]');
  }
  return { bind, ports: rest.split(':') };
}

function plain(body: string): { readonly bind: string; readonly ports: readonly string[] } {
  const fields = body.split(':');
  return fields.length === 3
    ? { bind: fields[0] ?? '', ports: fields.slice(1) }
    : { bind: DEFAULT_BIND, ports: fields };
}

function portOf(side: 'host' | 'guest', text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= MAX_PORT)) throw new CustomError(`invalid ${side} port: ${text}`);
  return port;
}
