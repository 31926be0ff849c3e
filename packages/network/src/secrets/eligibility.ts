import { type HostPattern, matchesHost } from '../config/host-pattern.ts';
import type { SecretEntry, SecretsConfig, ViolationAction } from '../config/secret-config.ts';
import { HOST_ALIAS } from '../dns/dns-forwarder.ts';

/** What is known about a connection when its secrets are chosen. */
export interface ConnectionFacts {
  /** Server name of TLS, or host of the first plain request; empty when there is none. */
  readonly hostName: string;
  /** The server proves its name by a certificate. */
  readonly isTls: boolean;
  /**
   * Live names of the address that the guest dialled. A secret goes only where the name that the guest claims is one
   * that really led to that address. Null where the name was checked otherwise (a proxy's CONNECT).
   */
  readonly resolvedNames: readonly string[] | null;
  /** The guest dialled its gateway, which is the host. */
  readonly isGateway: boolean;
}

/** A secret whose placeholder must not be seen on a connection. */
export interface ForbiddenSecret {
  readonly envVar: string;
  readonly placeholder: string;
  readonly action: Exclude<ViolationAction, object>;
}

/** What becomes of the placeholders on one connection; fixed when it begins. */
export interface SecretPlan {
  /** Replaced, in this order. */
  readonly substitute: readonly SecretEntry[];
  /** Looked for. */
  readonly forbid: readonly ForbiddenSecret[];
}

/** Decides about every secret for one connection (spec: network 14.3). */
export function planSecrets({ secrets, on_violation }: SecretsConfig, facts: ConnectionFacts): SecretPlan {
  const nameless = facts.hostName === '' && secrets.some((secret) => !secret.allowed_hosts.includes('any'));
  const eligible = secrets.filter((secret) => !nameless && isAllowed(secret, facts));
  // The placeholder of a secret that may go there is no violation, whoever else has the same one.
  const known = new Set(eligible.map(({ placeholder }) => placeholder));
  const forbid = secrets.flatMap((secret): ForbiddenSecret[] => {
    if (eligible.includes(secret) || known.has(secret.placeholder)) return [];
    const action = effectiveAction(secret.on_violation, on_violation, facts.hostName);
    if (action === null) return [];
    return [{ envVar: secret.env_var, placeholder: secret.placeholder, action }];
  });
  return {
    // Without a certificate the placeholder travels as it is: neither replaced nor refused.
    substitute: eligible.filter((secret) => facts.isTls || !secret.require_tls_identity),
    forbid,
  };
}

function isAllowed({ allowed_hosts }: SecretEntry, facts: ConnectionFacts): boolean {
  return allowed_hosts.some((pattern) => {
    if (!matchesHost(pattern, facts.hostName)) return false;
    return pattern === 'any' || isPinned(pattern, facts);
  });
}

/** Whether the address that was dialled belongs to a name that the pattern admits. */
function isPinned(pattern: HostPattern, { hostName, resolvedNames, isGateway }: ConnectionFacts): boolean {
  if (resolvedNames === null) return true;
  if (resolvedNames.some((name) => matchesHost(pattern, name))) return true;
  return isGateway && hostName === HOST_ALIAS && matchesHost(pattern, HOST_ALIAS);
}

/** Null when the placeholder may pass (spec: network 14.2). */
function effectiveAction(
  own: ViolationAction | undefined,
  common: ViolationAction,
  hostName: string,
): ForbiddenSecret['action'] | null {
  for (const action of [own, common]) {
    if (action === undefined) continue;
    if (typeof action === 'string') return action;
    if (action.passthrough.some((pattern) => matchesHost(pattern, hostName))) return null;
  }
  return 'block-and-log';
}
