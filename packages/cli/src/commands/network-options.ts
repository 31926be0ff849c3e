import type { OptionSpec } from '../command-line/command-spec.ts';
import { optionKey } from '../command-line/option-key.ts';
import { integerUpTo } from '../values/integer.ts';

/** What `run` and `create` take for the network of the sandbox they make (spec: cli 3.10 to 3.16, network 19.1). */
export interface NetworkOptions {
  readonly port?: readonly string[];
  readonly net?: readonly string[];
  readonly noNet?: boolean;
  readonly netRule?: readonly string[];
  readonly netDefault?: string;
  readonly netDefaultEgress?: string;
  readonly netDefaultIngress?: string;
  readonly netIpv4Pool?: string;
  readonly netIpv6Pool?: string;
  readonly dnsNameserver?: readonly string[];
  readonly dnsQueryTimeoutMs?: number;
  readonly noDnsRebindProtection?: boolean;
  readonly maxConnections?: number;
  readonly trustHostCas?: boolean;
  readonly netEgressBandwidth?: string;
  readonly netEgressBandwidthBurst?: string;
  readonly netEgressOps?: string;
  readonly netEgressOpsBurst?: string;
  readonly netIngressBandwidth?: string;
  readonly netIngressBandwidthBurst?: string;
  readonly netIngressOps?: string;
  readonly netIngressOpsBurst?: string;
  readonly tlsIntercept?: boolean;
  readonly tlsInterceptPort?: readonly number[];
  readonly tlsBypass?: readonly string[];
  readonly noBlockQuic?: boolean;
  readonly tlsInterceptCaCert?: string;
  readonly tlsInterceptCaKey?: string;
  readonly tlsUpstreamCaCert?: readonly string[];
  readonly tlsUpstreamCaCertFor?: readonly string[];
  readonly tlsNoVerifyUpstreamFor?: readonly string[];
  readonly secret?: readonly string[];
  readonly onSecretViolation?: string;
}

const DEFAULTS = ['net-default', 'net-default-egress', 'net-default-ingress'];

export const NETWORK_OPTIONS: readonly OptionSpec[] = [
  {
    long: 'port',
    short: 'p',
    value: '[BIND:]HOST:GUEST[/PROTO]',
    about: 'Publish a port of the guest; 127.0.0.1 and tcp unless it says otherwise',
    repeatable: true,
  },
  {
    long: 'net',
    value: 'PROFILES',
    about: 'What the guest may reach: public, private, host (with commas between them), all or none',
    repeatable: true,
    conflicts: ['no-net', ...DEFAULTS],
  },
  { long: 'no-net', about: 'Deny everything that no rule allows', conflicts: ['net', ...DEFAULTS] },
  {
    long: 'net-rule',
    value: 'RULES',
    about: 'Rules before all others: allow|deny[:DIRECTION]@TARGET[:PROTO[:PORTS]]',
    repeatable: true,
  },
  {
    long: 'net-default',
    value: 'ACTION',
    about: 'What happens when no rule fits: allow or deny',
    conflicts: ['net', 'no-net', 'net-default-egress', 'net-default-ingress'],
  },
  {
    long: 'net-default-egress',
    value: 'ACTION',
    about: 'The same for what the guest opens',
    conflicts: ['net', 'no-net', 'net-default'],
  },
  {
    long: 'net-default-ingress',
    value: 'ACTION',
    about: 'The same for what comes in over published ports',
    conflicts: ['net', 'no-net', 'net-default'],
  },
  { long: 'net-ipv4-pool', value: 'CIDR', about: 'IPv4 addresses of guests [default: 172.16.0.0/12]' },
  { long: 'net-ipv6-pool', value: 'CIDR', about: 'IPv6 addresses of guests [default: fd42:6d73:62::/48]' },
  {
    long: 'dns-nameserver',
    value: 'ADDR',
    about: "Name server to ask instead of the host's",
    repeatable: true,
  },
  {
    long: 'dns-query-timeout-ms',
    value: 'MS',
    about: 'Milliseconds a name server gets to answer [default: 5000]',
    parse: integerUpTo(3_600_000),
  },
  { long: 'no-dns-rebind-protection', about: 'Deliver answers that point into private networks' },
  {
    long: 'max-connections',
    value: 'N',
    about: 'Connections the guest may have open at once [default: 256]',
    parse: integerUpTo(Number.MAX_SAFE_INTEGER),
  },
  { long: 'trust-host-cas', about: 'Make the guest trust what the host trusts' },
  { long: 'net-egress-bandwidth', value: 'SIZE[/DURATION]', about: 'Bytes the guest may send each second' },
  { long: 'net-egress-bandwidth-burst', value: 'SIZE', about: 'Bytes beyond that, once' },
  { long: 'net-egress-ops', value: 'COUNT[/DURATION]', about: 'Packets the guest may send each second' },
  { long: 'net-egress-ops-burst', value: 'COUNT', about: 'Packets beyond that, once' },
  {
    long: 'net-ingress-bandwidth',
    value: 'SIZE[/DURATION]',
    about: 'Bytes the guest may receive each second',
  },
  { long: 'net-ingress-bandwidth-burst', value: 'SIZE', about: 'Bytes beyond that, once' },
  { long: 'net-ingress-ops', value: 'COUNT[/DURATION]', about: 'Packets the guest may receive each second' },
  { long: 'net-ingress-ops-burst', value: 'COUNT', about: 'Packets beyond that, once' },
  { long: 'tls-intercept', about: 'Open TLS connections of the guest on the host' },
  {
    long: 'tls-intercept-port',
    value: 'PORT',
    about: 'Port on which TLS is expected [default: 443]',
    repeatable: true,
    parse: integerUpTo(65_535),
  },
  {
    long: 'tls-bypass',
    value: 'PATTERN',
    about: 'Leave connections to this host alone: name or *.suffix',
    repeatable: true,
  },
  { long: 'no-block-quic', about: 'Let QUIC to those ports pass unseen' },
  {
    long: 'tls-intercept-ca-cert',
    value: 'PATH',
    about: "CA certificate to sign with instead of the home's own",
  },
  { long: 'tls-intercept-ca-key', value: 'PATH', about: 'Its key' },
  {
    long: 'tls-upstream-ca-cert',
    value: 'PATH',
    about: 'Trust servers that these certificates vouch for',
    repeatable: true,
  },
  {
    long: 'tls-upstream-ca-cert-for',
    value: 'PATTERN=PATH',
    about: 'The same for some hosts only',
    repeatable: true,
  },
  {
    long: 'tls-no-verify-upstream-for',
    value: 'PATTERN',
    about: 'Accept any certificate of this host',
    repeatable: true,
  },
  {
    long: 'secret',
    value: 'ENV@HOST[,HOST...]',
    about: "Value of this shell's variable that only these hosts get, and the guest never sees",
    repeatable: true,
  },
  {
    long: 'on-secret-violation',
    value: 'ACTION',
    about: 'When a secret is sent elsewhere: block, block-and-log, block-and-terminate or passthrough',
  },
];

/** Names of options that describe the network of a new sandbox. */
export const NETWORK_OPTION_NAMES = NETWORK_OPTIONS.map(({ long }) =>
  optionKey(long),
) as readonly (keyof NetworkOptions)[];
