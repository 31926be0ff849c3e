import type { SecretEntry } from '../config/secret-config.ts';
import { BlockedConnection } from './blocked.ts';
import type { Header, RequestHead } from './http1-head.ts';
import { latin1 } from './violation-scanner.ts';

/** A secret that is put in, as bytes. */
export interface Substitution {
  readonly placeholder: string;
  readonly value: string;
  readonly injection: SecretEntry['injection'];
}

/** A secret as bytes of a head, which are compared and replaced as latin1 text. */
export function substitutionOf({ placeholder, value, injection }: SecretEntry): Substitution {
  return { placeholder: latin1(placeholder), value: latin1(value), injection };
}

/**
 * The head with values where placeholders stood, one secret after the other (spec: network 14.4). The path and the
 * names of parameters stay as they are.
 *
 * @throws BlockedConnection for a value that would end the line it stands in
 */
export function substituteInHead(head: RequestHead, substitutions: readonly Substitution[]): RequestHead {
  let { target, headers } = head;
  for (const substitution of substitutions) {
    const { injection } = substitution;
    if (injection.query_params) target = inQuery(target, substitution);
    headers = headers.map((header) => {
      const decoded = injection.basic_auth ? inBasicAuth(header, substitution) : header;
      return injection.headers ? inLine(decoded, substitution) : decoded;
    });
  }
  return { ...head, target, headers };
}

/** Text with values where placeholders stood. */
export function replaced(text: string, { placeholder, value }: Substitution): string {
  return text.includes(placeholder) ? text.replaceAll(placeholder, () => value) : text;
}

/** User and password of Basic credentials (RFC 7617), for a server or a proxy, decoded; null for anything else. */
export function basicCredentials({ name, value }: Header): string | null {
  if (name !== 'authorization' && name !== 'proxy-authorization') return null;
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(value)?.[1];
  return encoded === undefined ? null : Buffer.from(encoded, 'base64').toString('latin1');
}

function inQuery(target: string, substitution: Substitution): string {
  const mark = target.indexOf('?');
  if (mark === -1) return target;
  const query = replaced(target.slice(mark), substitution);
  if (/[\s\0]/.test(query)) throw unfit(substitution);
  return target.slice(0, mark) + query;
}

function inBasicAuth(header: Header, substitution: Substitution): Header {
  const credentials = header.name === 'authorization' ? basicCredentials(header) : null;
  if (credentials === null || !credentials.includes(substitution.placeholder)) return header;
  const value = `Basic ${Buffer.from(replaced(credentials, substitution), 'latin1').toString('base64')}`;
  return { ...header, value, line: `${header.line.slice(0, header.line.indexOf(':'))}: ${value}` };
}

function inLine(header: Header, substitution: Substitution): Header {
  if (!header.line.includes(substitution.placeholder)) return header;
  const line = replaced(header.line, substitution);
  if (/[\r\n\0]/.test(line)) throw unfit(substitution);
  return { ...header, line, value: line.slice(line.indexOf(':') + 1).trim() };
}

function unfit(_substitution: Substitution): BlockedConnection {
  return new BlockedConnection('request: the value of a secret does not fit where its placeholder stands');
}
