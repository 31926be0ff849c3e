import { BlockedConnection } from './blocked.ts';

/** How a body is delimited (RFC 9112 section 6). */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };

export interface Header {
  readonly name: string;
  /** The line as it came, without its end. */
  readonly line: string;
  readonly value: string;
}

/** Start line and header fields of a request. Text is `latin1`: one character a byte. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly Header[];
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Whether bytes can still become a request: a method as far as they go, and a first line that is a start line. A line
 * that speaks of HTTP counts as one however odd it is, since a server may take it for a request.
 */
export function canBeRequest(text: string): boolean {
  const begin = text.replace(/^[\r\n]+/, '');
  const [method = ''] = begin.split(' ', 1);
  if (method !== '' && !TOKEN.test(method)) return false;
  const end = begin.indexOf('\r\n');
  if (end === -1) return true;
  const line = begin.slice(0, end);
  return line.split(' ').length === 3 || /http\//i.test(line);
}

/**
 * Reads a head, up to and without its empty line. Only the one form that all servers read alike is accepted; whatever
 * one of them might read otherwise is refused, because it could carry a request past the checks.
 *
 * @throws BlockedConnection
 */
export function parseHead(text: string): RequestHead {
  const block = (reason: string): BlockedConnection => new BlockedConnection(`request: ${reason}`);
  if (/[^\r]\n|^\n|\r(?!\n)|\0/.test(text)) throw block('a line that does not end with CR LF');
  const [start = '', ...lines] = text.split('\r\n');
  const [method = '', target = '', version = '', ...more] = start.split(' ');
  if (more.length > 0 || !TOKEN.test(method) || target === '') throw block('malformed start line');
  if (!/^HTTP\/1\.\d$/.test(version)) throw block('not HTTP/1');
  const headers = lines.map((line): Header => {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (!TOKEN.test(name)) throw block('malformed header field');
    return { name: name.toLowerCase(), line, value: line.slice(colon + 1).trim() };
  });
  return { method, target, version, headers };
}

/** All values of a header field. */
export function valuesOf({ headers }: RequestHead, name: string): string[] {
  return headers.filter((header) => header.name === name).map(({ value }) => value);
}

/**
 * Makes sure that a request is for the host that the connection is to, and for no other behind the same address.
 *
 * @throws BlockedConnection
 */
export function assertAuthority(head: RequestHead, hostName: string): void {
  const hosts = valuesOf(head, 'host');
  if (hosts.length !== 1) throw new BlockedConnection('request: not exactly one Host');
  const { method, target } = head;
  const authorities = [hosts[0] ?? ''];
  if (method === 'CONNECT') {
    authorities.push(target);
  } else if (!target.startsWith('/') && target !== '*') {
    const absolute = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1];
    if (absolute === undefined || absolute.includes('@')) {
      throw new BlockedConnection('request: target of another form');
    }
    authorities.push(absolute);
  }
  for (const authority of authorities) {
    if (bareHost(authority) !== bareHost(hostName)) {
      throw new BlockedConnection('request: for another host than the connection');
    }
  }
}

/** A host as it is compared: lower case, without port and dot at the end. */
export function bareHost(authority: string): string {
  return authority.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/** @throws BlockedConnection for a length that is not clear */
export function framingOf(head: RequestHead): BodyFraming {
  const codings = valuesOf(head, 'transfer-encoding');
  const lengths = new Set(valuesOf(head, 'content-length'));
  if (codings.length > 0) {
    if (lengths.size > 0) throw new BlockedConnection('request: two ways to tell its length');
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') {
      throw new BlockedConnection('request: unknown transfer coding');
    }
    return { kind: 'chunked' };
  }
  const [length] = lengths;
  if (length === undefined) return { kind: 'none' };
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) {
    throw new BlockedConnection('request: malformed content length');
  }
  return { kind: 'length', length: Number(length) };
}

/** The head as bytes, with its empty line. */
export function formatHead({ method, target, version, headers }: RequestHead): Buffer {
  const lines = [`${method} ${target} ${version}`, ...headers.map(({ line }) => line), '', ''];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}
