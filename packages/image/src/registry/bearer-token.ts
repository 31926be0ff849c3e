import { basicAuthorization, type RegistryCredentials } from './credentials.ts';
import type { HttpClient } from './http-client.ts';
import { readDocument } from './read-document.ts';
import { RegistryFailure } from './registry-failure.ts';
import { statusFailure } from './status-failure.ts';

const TOKEN_DOCUMENT_BYTES = 1024 * 1024;
/** Used when the server does not say how long its token lives. */
const DEFAULT_LIFETIME_MS = 60_000;
/** Not used any more shortly before its end. */
const MARGIN_MS = 5000;
/** What may stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

/** An `Authorization` value and how long it is good. */
export interface Authorization {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface BearerTokenRequest {
  readonly http: HttpClient;
  /** The registry's own address: a token server must be reached as safely. */
  readonly registryUrl: URL;
  /** Parameters of the server's challenge. */
  readonly parameters: ReadonlyMap<string, string>;
  /** What is asked for: `repository:library/alpine:pull`. */
  readonly scope: string;
  readonly credentials: RegistryCredentials | undefined;
  /** Names of image and registry for messages. */
  readonly what: string;
  readonly registry: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches a token that allows pulling, with the user's name or anonymously. Source: distribution specification,
 * token authentication.
 *
 * @throws {RegistryFailure} when the server refuses, or answers something else.
 */
export async function fetchBearerToken(request: BearerTokenRequest): Promise<Authorization> {
  const { http, credentials, what, registry, signal } = request;
  const url = tokenUrl(request);
  const authorization = credentials === undefined ? undefined : basicAuthorization(credentials);
  const response = await http.get({ url, authorization, signal });
  if (response.status !== 200) {
    throw await statusFailure(response, { what, registry, hasCredentials: credentials !== undefined });
  }
  const body = await readDocument(response, { limitBytes: TOKEN_DOCUMENT_BYTES, what: 'token', signal });
  return parseTokenDocument(body.toString('utf8'), url);
}

function tokenUrl({ parameters, registryUrl, scope }: BearerTokenRequest): URL {
  const realm = parameters.get('realm') ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !(url.protocol === 'https:' || url.protocol === registryUrl.protocol)) {
    throw new RegistryFailure('image', `${registryUrl.host} names no usable token server`);
  }
  url.username = url.password = '';
  const service = parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return url;
}

function parseTokenDocument(text: string, url: URL): Authorization {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new RegistryFailure('image', `the token server ${url.host} did not send JSON`, { cause });
  }
  const fields = (typeof document === 'object' && document !== null ? document : {}) as Record<
    string,
    unknown
  >;
  const token = [fields['token'], fields['access_token']].find(
    (value) => typeof value === 'string' && value !== '',
  );
  if (typeof token !== 'string' || !TOKEN.test(token)) {
    throw new RegistryFailure('image', `the token server ${url.host} sent no token`);
  }
  return { value: `Bearer ${token}`, expiresAt: expiry(token, fields['expires_in']) - MARGIN_MS };
}

function expiry(token: string, expiresIn: unknown): number {
  const fromToken = jwtExpiry(token);
  if (fromToken !== undefined) return fromToken;
  const lifetime = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn * 1000 : DEFAULT_LIFETIME_MS;
  return Date.now() + lifetime;
}

/** The claim `exp` of a JSON web token, unverified: it only says when to ask for a new one. */
function jwtExpiry(token: string): number | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
      readonly exp?: unknown;
    };
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
