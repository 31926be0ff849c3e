import { BlockedConnection } from '../blocked.ts';
import { bareHost, type Header } from '../http1-head.ts';
import { basicCredentials, type Substitution, substituteInHead } from '../substitution.ts';
import type { ViolationScanner } from '../violation-scanner.ts';
import type { HeaderField } from './static-table.ts';

/** A field name as HTTP/2 wants it (RFC 9113 section 8.2.1). */
const NAME = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/;

/**
 * Makes sure that fields mean the same to everybody, also to a server that passes them on as HTTP/1, and that a request
 * is for the host that the connection is to.
 *
 * @throws BlockedConnection
 */
export function assertFields(
  fields: readonly HeaderField[],
  { hostName, isTrailer }: { readonly hostName: string | null; readonly isTrailer: boolean },
): void {
  let pseudoEnded = false;
  for (const { name, value } of fields) {
    if (!NAME.test(name) || /[\r\n\0]/.test(value)) throw new BlockedConnection('request: malformed field');
    const isPseudo = name.startsWith(':');
    if (isPseudo && (pseudoEnded || isTrailer))
      throw new BlockedConnection('request: pseudo-field out of place');
    pseudoEnded ||= !isPseudo;
  }
  if (isTrailer || hostName === null) return;
  const valuesOf = (wanted: string): string[] =>
    fields.filter(({ name }) => name === wanted).map(({ value }) => value);
  const authorities = valuesOf(':authority');
  if (authorities.length !== 1) throw new BlockedConnection('request: not exactly one :authority');
  for (const authority of [...authorities, ...valuesOf('host')]) {
    if (bareHost(authority) !== bareHost(hostName)) {
      throw new BlockedConnection('request: for another host than the connection');
    }
  }
}

/** @throws BlockedConnection for a placeholder that may not go there */
export function scanFields(fields: readonly HeaderField[], scanner: ViolationScanner): void {
  if (scanner.isIdle) return;
  scanner.reset();
  for (const { name, value } of fields) {
    if (name === ':path' && value.includes('?')) scanner.scan(value.slice(value.indexOf('?')), 'query');
    scanner.scan(`${name}: ${value}\r\n`, name.startsWith(':') ? 'unknown' : 'header');
    const credentials = basicCredentials({ name, value, line: '' });
    if (credentials !== null) scanner.scanDecoded(credentials, 'authorization_basic', 'basic_auth_decoded');
  }
}

/** The fields with values where placeholders stood (spec: network 14.6). @throws BlockedConnection */
export function substituteInFields(
  fields: readonly HeaderField[],
  substitutions: readonly Substitution[],
): HeaderField[] {
  return fields.map((field) => {
    const { name, value } = field;
    const isPath = name === ':path';
    if (name.startsWith(':') && !isPath) return field;
    const header: Header = { name, value, line: `${name}: ${value}` };
    const head = { method: '', target: isPath ? value : '', version: '', headers: isPath ? [] : [header] };
    const after = substituteInHead(head, substitutions);
    if (isPath) return { name, value: after.target };
    const [changed = header] = after.headers;
    return changed.line === header.line ? field : { name, value: changed.value };
  });
}
