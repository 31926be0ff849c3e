import type { NetworkEndpoint } from '@microsandbox/native';
import type { BlockedConnection } from '../secrets/blocked.ts';
import type { RequestFilter } from '../secrets/request-filter.ts';

/** Fields of the log about a placeholder that was stopped, named as in the log (spec: network 14.2). No value. */
export interface SecretViolationReport {
  /** `block` is silent, `block-and-log` a warning, `block-and-terminate` an error that ends the sandbox. */
  readonly action: 'block' | 'block-and-log' | 'block-and-terminate';
  readonly secret_env_var: string;
  readonly placeholder: string;
  readonly protocol: 'http/1.1' | 'http/2';
  /** Empty without TLS. */
  readonly sni: string;
  readonly host: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly location: 'header' | 'query' | 'authorization_basic' | 'body' | 'unknown';
  readonly match_form: 'raw' | 'percent_decoded' | 'json_unescaped' | 'basic_auth_decoded';
  readonly guest_dst: string;
  readonly http2_stream_id: number | null;
}

/** What is worth telling about a connection that ended early. */
export type ConnectionEvent =
  | { readonly type: 'violation'; readonly report: SecretViolationReport }
  /** A request that cannot be judged, or is for another host than its connection. */
  | {
      readonly type: 'refused';
      readonly reason: string;
      readonly serverName: string | null;
      readonly destination: NetworkEndpoint;
    }
  /**
   * The guest broke off while it was shown the certificate: it does not trust the authority or insists on another
   * certificate. Such a host has to be bypassed (`tls.bypass`).
   */
  | {
      readonly type: 'untrusting';
      readonly reason: string;
      readonly serverName: string | null;
      readonly destination: NetworkEndpoint;
    }
  /** The server could not be reached, or its certificate is not trusted. */
  | {
      readonly type: 'unreachable';
      readonly reason: string;
      readonly serverName: string | null;
      readonly destination: NetworkEndpoint;
    };

/** Of what a blocked connection was. */
export interface BlockedContext {
  readonly serverName: string | null;
  readonly destination: NetworkEndpoint;
  readonly filter: RequestFilter | null;
}

/** What is told of a connection that was ended: a violation where a secret was on its way, else a refusal. */
export function eventOfBlocked(blocked: BlockedConnection, context: BlockedContext): ConnectionEvent {
  const { serverName, destination, filter } = context;
  const { violation } = blocked;
  if (violation === null) return { type: 'refused', reason: blocked.message, serverName, destination };
  const { address, port } = destination;
  const request = filter?.request;
  return {
    type: 'violation',
    report: {
      action: violation.action,
      secret_env_var: violation.envVar,
      placeholder: violation.placeholder,
      protocol: filter?.protocol ?? 'http/1.1',
      sni: serverName ?? '',
      host: request?.host ?? '',
      method: request?.method ?? '',
      path: request?.path ?? '',
      location: violation.location,
      match_form: violation.matchForm,
      guest_dst: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
      http2_stream_id: request?.streamId ?? null,
    },
  };
}
