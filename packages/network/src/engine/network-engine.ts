import type {
  NetworkCounters,
  NetworkNatives,
  NetworkRateLimit,
  NetworkRateLimiter,
  NetworkStack,
  NetworkStackEvent,
  NetworkTlsOptions,
  PolicyVerdictSeen,
  StreamOpened,
} from '@microsandbox/native';
import { parseNameserver } from '../config/nameserver.ts';
import type { NetworkConfig, PublishedPort, TlsConfig } from '../config/network-config.ts';
import type { RateLimitConfig } from '../config/rate-limit.ts';
import type { ConnectionEvent } from '../connections/connection-event.ts';
import { ConnectionServer } from '../connections/connection-server.ts';
import { DnsForwarder } from '../dns/dns-forwarder.ts';
import { DnsUpstreams } from '../dns/upstreams.ts';
import type { LiveSecrets } from '../secrets/live-secrets.ts';
import type { TlsInterception } from '../tls/tls-interception.ts';
import { initializing, type NetworkPlan } from './network-plan.ts';
import { publishPorts } from './publish-ports.ts';
import { StackStream } from './stack-stream.ts';

/** What {@link NetworkEngine.start} works with. */
export interface NetworkEngineOptions {
  readonly natives: Pick<NetworkNatives, 'startNetwork'>;
  readonly plan: NetworkPlan;
  /** Stream of Ethernet frames, each after its length as 4 bytes; the engine owns it from here on. */
  readonly frameFd: number;
  readonly onVerdict: (verdict: PolicyVerdictSeen) => void;
  /** Something is less than it was asked to be; the sandbox runs on. */
  readonly onWarning: (message: string) => void;
  /** Null when TLS is not intercepted. */
  readonly tls: TlsInterception | null;
  readonly secrets: LiveSecrets;
  /** A connection that is served here ended early. */
  readonly onConnection: (event: ConnectionEvent) => void;
  /** A secret with `block-and-terminate` was about to leak. */
  readonly onTerminate: () => void;
  /** Where the host's name servers are found. */
  readonly resolvConf?: string;
}

/**
 * The network of one sandbox while it runs: the stack on its own thread, the DNS forwarder, the published ports, and
 * the streams that somebody here serves. Verdicts are the stack's; this only carries and tells.
 */
export class NetworkEngine {
  /** Ports that are listened on, each with the host's real port. */
  readonly ports: readonly PublishedPort[];
  readonly #options: NetworkEngineOptions;
  readonly #stack: NetworkStack;
  readonly #upstreams: DnsUpstreams;
  readonly #forwarder: DnsForwarder;
  readonly #server: ConnectionServer;
  readonly #streams = new Map<number, StackStream>();

  /**
   * Starts the stack and listens on the published ports, before the guest is spoken to.
   *
   * @throws RuntimeError `initialize network: ...`
   */
  static start(options: NetworkEngineOptions): NetworkEngine {
    return initializing(() => new NetworkEngine(options));
  }

  private constructor(options: NetworkEngineOptions) {
    const { natives, plan, frameFd, tls, secrets, onWarning, resolvConf } = options;
    const { config, addresses, platformPolicy } = plan;
    this.#options = options;
    this.#stack = natives.startNetwork(
      {
        frameFd,
        addresses,
        policyJson: JSON.stringify(config.policy),
        platformPolicyJson: platformPolicy === null ? null : JSON.stringify(platformPolicy),
        ...(config.max_connections !== null && { limits: { maxConnections: config.max_connections } }),
        rateLimiter: rateLimiterOf(config),
        tls: tls === null ? null : interceptionOf(config.tls),
        handUpPlain: tls !== null || config.secrets.secrets.length > 0,
      },
      (events) => {
        for (const event of events) this.#take(event);
      },
    );
    this.#upstreams = new DnsUpstreams({
      nameservers: config.dns.nameservers.map(parseNameserver),
      timeoutMs: config.dns.query_timeout_ms,
      onWarning,
      ...(resolvConf !== undefined && { resolvConf }),
    });
    const stack = this.#stack;
    this.#forwarder = new DnsForwarder({ stack, addresses, config: config.dns, upstreams: this.#upstreams });
    this.#server = new ConnectionServer({
      stack,
      tls,
      dns: this.#forwarder,
      gateways: new Set([addresses.ipv4, addresses.ipv6].flatMap((family) => family?.gateway ?? [])),
      secrets,
      onEvent: options.onConnection,
      onTerminate: options.onTerminate,
    });
    this.ports = publishPorts({ stack, addresses, ports: config.ports, onWarning });
  }

  counters(): NetworkCounters {
    return this.#stack.counters();
  }

  /** Ends every connection and listener. Nothing is told afterwards. */
  async stop(): Promise<void> {
    this.#upstreams[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
    await this.#stack.stop();
    for (const stream of this.#streams.values()) stream.stackClosed('reset');
    this.#streams.clear();
  }

  #take(event: NetworkStackEvent): void {
    switch (event.type) {
      case 'dnsQuery':
        // An answer may come when the stack has ended.
        this.#forwarder.handle(event).catch(() => {});
        break;
      case 'verdict':
        this.#options.onVerdict(event);
        break;
      case 'stream':
        this.#open(event);
        break;
      case 'closed':
        this.#streams.get(event.stream)?.stackClosed(event.reason);
        this.#streams.delete(event.stream);
        break;
      case 'warning':
        this.#options.onWarning(event.message);
        break;
      case 'stopped':
        if (event.error !== null) this.#options.onWarning(`the network stopped: ${event.error}`);
        break;
    }
  }

  #open(opened: StreamOpened): void {
    const stream = new StackStream(this.#stack, opened);
    this.#streams.set(opened.stream, stream);
    this.#server.serve(opened, stream);
  }
}

function interceptionOf({
  intercepted_ports,
  bypass,
  block_quic_on_intercept,
}: TlsConfig): NetworkTlsOptions {
  return { interceptedPorts: intercepted_ports, bypass, blockQuic: block_quic_on_intercept };
}

function rateLimiterOf({ rate_limiter }: NetworkConfig): NetworkRateLimiter | null {
  if (rate_limiter === null) return null;
  const { egress = null, ingress = null } = rate_limiter;
  return { egress: rateLimitOf(egress), ingress: rateLimitOf(ingress) };
}

function rateLimitOf(limit: RateLimitConfig | null): NetworkRateLimit | null {
  return limit === null ? null : { bandwidth: limit.bandwidth ?? null, ops: limit.ops ?? null };
}
