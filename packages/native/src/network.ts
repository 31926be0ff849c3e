/**
 * Contract between the network stack in Rust (`crates/netstack`, on a thread of its own) and TypeScript
 * (`packages/network`). Verdicts are taken in Rust; TypeScript answers DNS and serves the streams it is handed.
 *
 * Order that holds: calls on one {@link NetworkStack} take effect in the order they were made, and events arrive in
 * the order they happened. Every queue is bounded: what the guest can multiply has a limit in {@link NetworkLimits},
 * and the bytes of a stream travel through a pair of local sockets, whose buffers are the kernel's.
 */
export interface NetworkNatives {
  /**
   * Addresses of a sandbox from its slot (spec: network 2). A family is active when its address is given or, unless
   * `families` says otherwise, when the host has a route of that family.
   *
   * @throws InvalidConfigError for a slot beyond the pool or a malformed override
   */
  networkAddresses(request: NetworkAddressRequest): NetworkAddresses;

  /**
   * Starts a stack on a stream of Ethernet frames, each after its length as 4 bytes, big-endian (QEMU
   * `-netdev stream`, libkrun `net_unixstream`). The stack owns `frameFd` from here on.
   *
   * @param onEvents called on the JavaScript thread with all events since the last call, never an empty list
   * @throws InvalidConfigError for options or a policy that cannot be read
   */
  startNetwork(
    options: NetworkStackOptions,
    onEvents: (events: readonly NetworkStackEvent[]) => void,
  ): NetworkStack;

  /**
   * What a policy says about one destination, without a running stack; the same evaluator that the stack uses.
   *
   * @param policyJson `network.policy` as in spec network 18 (a missing default means deny)
   * @throws InvalidConfigError for a policy or question that cannot be read
   */
  evaluatePolicy(policyJson: string, question: PolicyQuestion, context?: PolicyContext): PolicyVerdict;
}

/** Input of {@link NetworkNatives.networkAddresses}; overrides are those of `network.interface`. */
export interface NetworkAddressRequest {
  /** Row id of the sandbox, 0 to 65535. */
  readonly slot: number;
  /** Six bytes. */
  readonly mac?: readonly number[] | null;
  /** IP-level MTU in bytes, 1280 to 65535; 1500 without it. */
  readonly mtu?: number | null;
  readonly ipv4Address?: string | null;
  /** CIDR, /30 or shorter. */
  readonly ipv4Pool?: string | null;
  readonly ipv6Address?: string | null;
  /** CIDR, /64 or shorter. */
  readonly ipv6Pool?: string | null;
  /** Overrides the test of the host's routes. */
  readonly families?: { readonly ipv4: boolean; readonly ipv6: boolean };
}

/** One family of {@link NetworkAddresses}. The gateway is the guest's name server too. */
export interface NetworkFamily {
  readonly guest: string;
  readonly gateway: string;
  /** 30 for IPv4, 64 for IPv6. */
  readonly prefixLength: number;
}

/** Who is who on the two-host network between guest and stack. */
export interface NetworkAddresses {
  readonly guestMac: readonly number[];
  readonly gatewayMac: readonly number[];
  /** Bytes; of the guest's interface. */
  readonly mtu: number;
  /** What the guest's routes may take instead, for the segments of connections. */
  readonly routeMtu: number;
  readonly ipv4: NetworkFamily | null;
  readonly ipv6: NetworkFamily | null;
}

/** Input of {@link NetworkNatives.startNetwork}. */
export interface NetworkStackOptions {
  readonly frameFd: number;
  readonly addresses: NetworkAddresses;
  /** `network.policy` (spec: network 18). */
  readonly policyJson: string;
  /** A second policy that must allow too, for multi-tenant hosts (spec: network 17). */
  readonly platformPolicyJson?: string | null;
  /** TLS interception; null when it is off. */
  readonly tls?: NetworkTlsOptions | null;
  /**
   * Hands up plain TCP flows as `plain` streams too: set when a secret is configured or TLS is intercepted (HTTP
   * CONNECT). Flows whose first byte shows TLS are still spliced in Rust when domain rules made the stack look.
   */
  readonly handUpPlain?: boolean;
  readonly limits?: Partial<NetworkLimits>;
  /** `network.rate_limiter` (spec: network 16, 18), snake case as stored. Egress is what the guest sends. */
  readonly rateLimiter?: NetworkRateLimiter | null;
}

export interface NetworkTlsOptions {
  /** TCP ports whose connections become `tls` streams. */
  readonly interceptedPorts: readonly number[];
  /** Host patterns (`name` or `*.suffix`, spec: network 13.4) that are spliced in Rust after the SNI was read. */
  readonly bypass: readonly string[];
  /** Drops UDP to intercepted ports. */
  readonly blockQuic: boolean;
}

/** Bounds on what a guest can multiply; defaults in parentheses (spec: network 8). */
export interface NetworkLimits {
  /** TCP connections opened by the guest (256, at most 4096). Beyond it a connection is refused by reset. */
  readonly maxConnections: number;
  /** Live connections into the guest over published ports (256). */
  readonly maxPublishedConnections: number;
  /** UDP sessions (256); the least recently used one gives way. */
  readonly maxUdpSessions: number;
  /** Echo requests waiting for a reply (64). */
  readonly maxPings: number;
  /** DNS queries waiting for {@link NetworkStack.respond} (256); more are dropped. */
  readonly maxDnsQueries: number;
}

export interface NetworkTokenBucket {
  readonly size: number;
  readonly refill_time_ms: number;
  readonly one_time_burst?: number;
}

export interface NetworkRateLimit {
  /** Bytes of frame data. */
  readonly bandwidth?: NetworkTokenBucket | null;
  /** Frames. */
  readonly ops?: NetworkTokenBucket | null;
}

export interface NetworkRateLimiter {
  readonly egress?: NetworkRateLimit | null;
  readonly ingress?: NetworkRateLimit | null;
}

/** An address with a port; IPv6 without brackets. */
export interface NetworkEndpoint {
  readonly address: string;
  readonly port: number;
}

/** A running stack. Every method but {@link stop} is quick and does not wait for the stack's thread. */
export interface NetworkStack {
  /**
   * Nothing more of a stream is wanted: what was written goes out, then the guest gets a FIN. Before
   * {@link StreamOpened.fd} is closed.
   */
  close(stream: number): void;
  /**
   * Resets the guest's connection at once. How a flow ends whose peer could not be reached. Before
   * {@link StreamOpened.fd} is closed, since a closed descriptor alone is an orderly end.
   */
  reset(stream: number): void;
  /**
   * Gives a `plain` stream back: the stack connects to the destination, sends what came on the stream, whether it was
   * read or not, and splices. Only before anything was written, and before more than
   * {@link STREAM_LOOKAHEAD_BYTES} were read; later the connection is reset. Before {@link StreamOpened.fd} is closed.
   */
  splice(stream: number): void;

  /**
   * Answers a DNS query. `inserts` are in the hostname index before the first byte of the response can reach the
   * guest. UDP responses above the MTU are fragmented. Null drops the query (UDP) or closes its connection (TCP).
   * A query that has expired or was answered is ignored.
   */
  respond(query: number, response: Uint8Array | null, inserts: readonly HostnameInsert[]): void;
  /** Inserts into the hostname index at once, for answers that travel on a stream (DNS over TLS). */
  insertHostnames(inserts: readonly HostnameInsert[]): void;
  /** Live names of an address in the hostname index (spec: network 12.8, 14.3). */
  hostnamesOf(address: string): string[];

  /**
   * What the stack's current policies say, with its index and gateway addresses. With `report` the verdict is counted
   * and becomes a `verdict` event like the stack's own (for DNS names and CONNECT targets).
   */
  evaluate(question: PolicyQuestion, report?: boolean): PolicyVerdict;
  /** Replaces the policy for new connections, datagrams and queries; established TCP connections stay. */
  setPolicy(policyJson: string): void;

  /**
   * Publishes a guest port: listens on the host now and connects each peer that the ingress policy allows from the
   * gateway to the guest. Host port 0 takes a free one. The listener is gone with the stack.
   *
   * @returns the port listened on
   * @throws NixError when the address cannot be bound or the guest has no address of a usable family
   */
  publish(port: NetworkPublishedPort): number;

  counters(): NetworkCounters;
  /** Resets every flow, closes every descriptor and ends the thread. Idempotent. No event comes after it settles. */
  stop(): Promise<void>;
}

/** Entry of `network.ports` (spec: network 9, 18). */
export interface NetworkPublishedPort {
  readonly protocol: 'tcp' | 'udp';
  readonly hostBind: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** Names and addresses of one DNS answer (spec: network 12.8); replaces what the name had in that family. */
export interface HostnameInsert {
  /** Name that was asked for. */
  readonly name: string;
  readonly family: 4 | 6;
  /** Empty removes the entry. */
  readonly addresses: readonly string[];
  /** Seconds; 0 counts as 1. */
  readonly ttl: number;
}

/** Most bytes that may have been read of a stream that is given back. */
export const STREAM_LOOKAHEAD_BYTES = 256 * 1024;

export type NetworkStackEvent =
  | StreamOpened
  /**
   * Last event of a stream. `reset` when either side aborted it: told before the descriptor comes to its end, so that
   * what a guest broke off is never taken for complete. A stream that was given back is `finished`.
   */
  | { readonly type: 'closed'; readonly stream: number; readonly reason: 'finished' | 'reset' }
  | DnsQueryReceived
  | PolicyVerdictSeen
  /** A published port failed or refused: for logs. */
  | { readonly type: 'warning'; readonly message: string }
  /** The thread has ended by itself: the monitor closed the frame stream (`error` null) or reading it failed. */
  | { readonly type: 'stopped'; readonly error: string | null };

/**
 * A TCP connection of the guest that TypeScript serves. The policy has allowed it already: at the SYN, and for `tls`
 * and `plain` again with the server name where one was sent. Destinations equal to a gateway address are the host
 * itself (spec: network 10).
 */
export interface StreamOpened {
  readonly type: 'stream';
  readonly stream: number;
  /**
   * A local stream socket that carries the connection's bytes and half-closes; whoever takes the event closes it. What
   * is not read from it closes the guest's window.
   */
  readonly fd: number;
  /** `tls`: intercepted port, the ClientHello is there to be read. `dot`: port 853 while TLS is intercepted. */
  readonly kind: 'tls' | 'dot' | 'plain';
  readonly source: NetworkEndpoint;
  /** The address that the guest dialled. */
  readonly destination: NetworkEndpoint;
  /** Server name of the ClientHello, lower case without trailing dot; always present for `tls`. */
  readonly serverName: string | null;
}

/** A DNS message from the guest to port 53 of any address. Answer it with {@link NetworkStack.respond}. */
export interface DnsQueryReceived {
  readonly type: 'dnsQuery';
  readonly query: number;
  readonly transport: 'udp' | 'tcp';
  readonly destination: NetworkEndpoint;
  /** Without the length prefix of DNS over TCP. */
  readonly message: Buffer;
}

/** Protocols of policy rules. */
export type PolicyProtocol = 'tcp' | 'udp' | 'icmpv4' | 'icmpv6';

/** A verdict: the first of its kind at once, then how often it came again, at most once a second. */
export interface PolicyVerdictSeen {
  readonly type: 'verdict';
  readonly action: 'allow' | 'deny';
  readonly direction: 'egress' | 'ingress' | 'dns';
  readonly protocol: PolicyProtocol;
  /** Address the guest dialled, or the peer's of an ingress verdict; null for a DNS name. */
  readonly address: string | null;
  /** Null for ICMP. */
  readonly port: number | null;
  /** Server name, else a live name of the address, else null. */
  readonly hostname: string | null;
  readonly reason: PolicyReason;
  /** Net-rule token that would allow it (`allow@10.0.0.1:tcp:80`); null for an allow or where no rule could. */
  readonly allowRule: string | null;
  /** How many since the last event of this kind; 1 in the first. */
  readonly count: number;
  /** False in repetitions. */
  readonly first: boolean;
}

/** Why a verdict came out as it did. */
export interface PolicyReason {
  /** `rule` and `default` of the sandbox's policy, `platform` of the platform's, `limit` when a bound was hit. */
  readonly decidedBy: 'rule' | 'default' | 'platform' | 'limit';
  /** Index into the policy's `rules` for `rule`; else null. */
  readonly rule: number | null;
}

/** What to ask the evaluator (spec: network 11.5 to 11.8). */
export type PolicyQuestion =
  | {
      readonly kind: 'egress';
      readonly protocol: PolicyProtocol;
      readonly address: string;
      /** Null for ICMP. */
      readonly port: number | null;
      /** `cache` without it; `deferred` is the question of a TCP SYN; an object is the name in a ClientHello. */
      readonly hostname?: 'cache' | 'deferred' | { readonly sni: string };
    }
  | {
      readonly kind: 'ingress';
      readonly protocol: PolicyProtocol;
      /** The peer's. */
      readonly address: string;
      /** The guest's. */
      readonly port: number;
    }
  | {
      readonly kind: 'dns';
      /** Null when the query's name is no valid domain name. */
      readonly name: string | null;
      readonly protocol: 'tcp' | 'udp';
      /** 53, or 853 for DNS over TLS. */
      readonly port: number;
    }
  /** Explicit admission of an address in a DNS answer (rebind protection, spec: network 11.7). */
  | { readonly kind: 'answer'; readonly protocol: 'tcp' | 'udp'; readonly address: string };

/** What a stand-alone evaluation knows besides the policy. */
export interface PolicyContext {
  readonly gatewayIpv4?: string | null;
  readonly gatewayIpv6?: string | null;
  /** Stands for the hostname index. */
  readonly resolved?: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

export interface PolicyVerdict {
  /** `defer`: decided once a server name is seen. `none`: only for `answer`, nothing admits or denies explicitly. */
  readonly action: 'allow' | 'deny' | 'defer' | 'none';
  readonly reason: PolicyReason;
  readonly allowRule: string | null;
}

/** Totals since the start, and what is live now. */
export interface NetworkCounters {
  /** Frames and bytes that the guest sent and the stack took. */
  readonly framesFromGuest: number;
  readonly bytesFromGuest: number;
  readonly framesToGuest: number;
  readonly bytesToGuest: number;
  /** Frames that were malformed, spoofed, unsupported or found a full queue. */
  readonly framesDropped: number;
  readonly tcpOpened: number;
  readonly tcpRefused: number;
  readonly dnsQueries: number;
  readonly tcpLive: number;
  readonly udpLive: number;
}
