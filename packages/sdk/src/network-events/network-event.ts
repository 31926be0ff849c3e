import type { NetworkLogRecord } from '@microsandbox/types';

type VerdictRecord = Extract<NetworkLogRecord, { type: 'verdict' }>;

/** What the network policy said about something that the guest, or a peer of a published port, tried. */
export interface NetworkEvent {
  readonly at: Date;
  readonly action: 'allow' | 'deny';
  /** `dns` is a look-up of a name. */
  readonly direction: 'egress' | 'ingress' | 'dns';
  readonly protocol: 'tcp' | 'udp' | 'icmpv4' | 'icmpv6';
  /** Address that the guest dialled, or the peer's of an ingress verdict; null for a name. */
  readonly address: string | null;
  /** Null for ICMP. */
  readonly port: number | null;
  /** Name that the guest asked for, or that the address is known by. */
  readonly hostname: string | null;
  /** `rule` and `default` of the sandbox's policy, `platform` of the host's, `limit` when a bound was hit. */
  readonly decidedBy: 'rule' | 'default' | 'platform' | 'limit';
  /** The rule that decided, as `--net-rule` writes it. */
  readonly rule: string | null;
  /** Rule that would allow it, as `--net-rule` takes it. */
  readonly allowRule: string | null;
  /** How often, since the last event of this kind. */
  readonly count: number;
  /** False when this kind came before. */
  readonly first: boolean;
}

/** Which events are read. */
export interface NetworkEventOptions {
  /** Goes on with what comes later, until the reader leaves the loop. */
  readonly follow?: boolean;
  /** Ends a reading that follows; what had happened by then is still given. */
  readonly signal?: AbortSignal;
  /** Not before this time. */
  readonly since?: Date;
  /** Only those of the last start. */
  readonly lastRun?: boolean;
}

/** One line of `network.log` as callers see it. */
export function eventOfRecord(record: VerdictRecord): NetworkEvent {
  const { t, action, direction, protocol, address, port, hostname, decided_by, rule, allow_rule } = record;
  const { count, first } = record;
  return {
    at: new Date(t),
    action,
    direction,
    protocol,
    address,
    port,
    hostname,
    decidedBy: decided_by,
    rule,
    allowRule: allow_rule,
    count,
    first,
  };
}
