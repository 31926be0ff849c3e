import { RegistryFailure } from './registry-failure.ts';

/** Errors that are known not to go away by themselves; others of the connection are worth another try. */
const PERMANENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EACCES',
]);

const NOT_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|EPROTO|TLSV1_ALERT|HTTP_REQUEST/;
const UNKNOWN_ISSUER = /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/;
const BAD_CERTIFICATE = /CERT|ALTNAME/;

/** Turns what the HTTP client throws into an error that names the host, the reason and the way out. */
export function connectionFailure(url: URL, cause: unknown): RegistryFailure {
  const code = codeOf(cause);
  const isCertificate = UNKNOWN_ISSUER.test(code) || BAD_CERTIFICATE.test(code);
  return new RegistryFailure('registryUnreachable', `cannot reach ${url.host}: ${reasonOf(cause, code)}`, {
    cause,
    hint: hintFor(url, code),
    isTransient: !PERMANENT.has(code) && !isCertificate && !NOT_TLS.test(code) && !code.startsWith('HPE_'),
  });
}

function hintFor(url: URL, code: string): string {
  if (url.protocol === 'https:') {
    if (NOT_TLS.test(code)) return `if ${url.host} speaks plain HTTP, pass --insecure`;
    if (UNKNOWN_ISSUER.test(code))
      return 'give the certificate of the authority that signed it with --ca-certs';
    if (BAD_CERTIFICATE.test(code)) return `the certificate of ${url.host} is not valid for it`;
    return `check the name of the registry and the network; if ${url.host} speaks plain HTTP, pass --insecure`;
  }
  if (code.startsWith('HPE_') || code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') {
    return `if ${url.host} speaks HTTPS, leave --insecure away`;
  }
  return 'check the name of the registry and the network';
}

/** Several addresses were tried: the first failure stands for all. */
function firstOf(cause: unknown): unknown {
  return cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause;
}

function codeOf(cause: unknown): string {
  const { code } = (firstOf(cause) ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

function reasonOf(cause: unknown, code: string): string {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be resolved';
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'it does not answer (connection timed out)';
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'it stopped answering (timed out)';
    default: {
      const first = firstOf(cause);
      const message = first instanceof Error ? first.message : String(first);
      // OpenSSL's messages span lines and name source files.
      return (/:SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message).split('\n')[0]?.trim() || code;
    }
  }
}
