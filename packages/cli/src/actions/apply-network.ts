import { listedPolicy } from '@microsandbox/network';
import { CustomError, MicrosandboxError } from '@microsandbox/types';
import { parseDurationMs } from '@microsandbox/utils';
import type { NetworkBuilder, RateLimiterBuilder, SandboxBuilder, SecretBuilder } from 'microsandbox';
import { NETWORK_OPTION_NAMES, type NetworkOptions } from '../commands/network-options.ts';
import type { NetworkFile, SecretFile } from '../config-file/network-schema.ts';
import type { SandboxFile } from '../config-file/sandbox-schema.ts';
import { splitAtFirst } from '../values/key-value.ts';
import { parsePort } from '../values/port.ts';
import { prefixed } from '../values/prefixed.ts';
import { parseBandwidth, parseByteCount, parseCount, parseOperations } from '../values/rate.ts';
import { parseSecrets } from '../values/secret.ts';
import { policyOfOptions } from './policy-of-options.ts';

/**
 * Applies the options of the network, in the order of the reference command (spec: cli 4), over what configuration
 * files say about it.
 */
export function applyNetwork(builder: SandboxBuilder, options: NetworkOptions, file: SandboxFile = {}): void {
  const silent = file.network === undefined && file.secrets === undefined;
  if (silent && NETWORK_OPTION_NAMES.every((name) => options[name] === undefined)) return;
  try {
    builder.network((network) => configureNetwork(network, options, file));
  } catch (error) {
    // Builders throw plain errors, as the reference SDK's do; on a command line they are the user's mistakes.
    if (error instanceof MicrosandboxError) throw error;
    throw new CustomError((error as Error).message, { cause: error });
  }
}

function configureNetwork(
  network: NetworkBuilder,
  options: NetworkOptions,
  file: SandboxFile,
): NetworkBuilder {
  const described = file.network ?? {};
  for (const text of [...(described.ports ?? []), ...(options.port ?? [])]) applyPort(network, text);
  for (const [name, secret] of Object.entries(file.secrets ?? {})) applyFileSecret(network, name, secret);
  applySecrets(network, options);
  applyDns(network, options, described);
  applyPolicy(network, options, described);
  if (options.netIpv4Pool !== undefined) network.ipv4Pool(options.netIpv4Pool);
  if (options.netIpv6Pool !== undefined) network.ipv6Pool(options.netIpv6Pool);
  const maxConnections = options.maxConnections ?? described.max_connections;
  if (maxConnections !== undefined) network.maxConnections(maxConnections);
  if (options.trustHostCas ?? described.trust_host_cas) network.trustHostCAs(true);
  applyTls(network, options, file);
  if (options.onSecretViolation !== undefined) applyViolation(network, options.onSecretViolation);
  applyRateLimits(network, options);
  return network;
}

function applyPort(network: NetworkBuilder, text: string): void {
  const { bind, host, guest, protocol } = parsePort(text);
  if (protocol === 'udp') network.portUdpBind(bind, host, guest);
  else network.portBind(bind, host, guest);
}

/** Values are read when the sandbox starts; only where from is stored. */
function applySecrets(network: NetworkBuilder, { secret = [] }: NetworkOptions): void {
  for (const [env, hosts] of parseSecrets(secret, 'create')) {
    network.secret((builder) => {
      builder.env(env).valueFromEnv(env);
      for (const host of hosts) allowHost(builder, host);
      return builder;
    });
  }
}

/** A value that stands in a file is stored with the sandbox; one of a variable is read when it starts. */
function applyFileSecret(network: NetworkBuilder, name: string, secret: SecretFile): void {
  const { value = { $msb_env: name }, allow = [], inject = ['headers'], require_tls_identity } = secret;
  const reference = typeof value === 'string' ? /^\$\{(\w+)\}$/.exec(value)?.[1] : value.$msb_env;
  network.secret((builder) => {
    builder.env(name);
    if (reference !== undefined) builder.valueFromEnv(reference);
    else if (typeof value === 'string') builder.value(value);
    for (const host of allow) {
      if (host.startsWith('*.')) builder.allowHostPattern(host);
      else builder.allowHost(host);
    }
    builder.injectHeaders(inject.includes('headers'));
    builder.injectBasicAuth(inject.includes('basic_auth'));
    builder.injectQuery(inject.includes('query_params'));
    return require_tls_identity === undefined ? builder : builder.requireTlsIdentity(require_tls_identity);
  });
}

function allowHost(builder: SecretBuilder, host: string): void {
  if (host === '*') builder.allowAnyHostDangerous(true);
  else if (host.startsWith('*.')) builder.allowHostPattern(host);
  else builder.allowHost(host);
}

function applyDns(
  network: NetworkBuilder,
  options: NetworkOptions,
  { dns: described = {} }: NetworkFile,
): void {
  const { dnsQueryTimeoutMs, noDnsRebindProtection } = options;
  const nameservers = options.dnsNameserver ?? described.nameservers;
  const timeoutMs =
    dnsQueryTimeoutMs ??
    (described.query_timeout === undefined ? undefined : parseDurationMs(described.query_timeout));
  const protection = noDnsRebindProtection ? false : described.rebind_protection;
  if ([nameservers, timeoutMs, protection].every((setting) => setting === undefined)) return;
  network.dns((dns) => {
    if (nameservers !== undefined) dns.nameservers(nameservers);
    if (timeoutMs !== undefined) dns.queryTimeoutMs(timeoutMs);
    return dns.rebindProtection(protection ?? true);
  });
}

function applyPolicy(network: NetworkBuilder, options: NetworkOptions, described: NetworkFile): void {
  const configured = listedPolicy(described);
  const policy = policyOfOptions(options, configured ?? undefined) ?? configured;
  if (policy !== null) network.policyJson(JSON.stringify(policy));
}

/** Any of these options, any secret, and a file that says so switch interception on. */
function applyTls(
  network: NetworkBuilder,
  options: NetworkOptions,
  { network: described, secrets }: SandboxFile,
): void {
  const wanted =
    options.secret ??
    options.tlsIntercept ??
    options.tlsInterceptPort ??
    options.tlsBypass ??
    options.noBlockQuic ??
    options.tlsInterceptCaCert ??
    options.tlsInterceptCaKey ??
    options.tlsUpstreamCaCert ??
    options.tlsUpstreamCaCertFor ??
    options.tlsNoVerifyUpstreamFor;
  // Without the first, the other keys of a file mean nothing (spec: network 19.3).
  const file = described?.tls?.enabled === undefined ? {} : described.tls;
  const byFile = file.enabled ?? Object.keys(secrets ?? {}).length > 0;
  if (wanted === undefined && !byFile) return;
  network.tls((tls) => {
    for (const pattern of file.bypass ?? []) tls.bypass(pattern);
    if (file.verify_upstream !== undefined) tls.verifyUpstream(file.verify_upstream);
    if (file.block_quic !== undefined) tls.blockQuic(file.block_quic);
    if (options.tlsInterceptPort !== undefined) tls.interceptedPorts(options.tlsInterceptPort);
    for (const pattern of options.tlsBypass ?? []) tls.bypass(pattern);
    if (options.noBlockQuic) tls.blockQuic(false);
    if (options.tlsInterceptCaCert !== undefined) tls.interceptCaCert(options.tlsInterceptCaCert);
    if (options.tlsInterceptCaKey !== undefined) tls.interceptCaKey(options.tlsInterceptCaKey);
    for (const path of options.tlsUpstreamCaCert ?? []) tls.upstreamCaCert(path);
    for (const text of options.tlsUpstreamCaCertFor ?? []) {
      const scoped = splitAtFirst(text, '=');
      if (scoped === null) throw new CustomError('scoped upstream CA must be in format PATTERN=PATH');
      tls.upstreamCaCertFor(...scoped);
    }
    for (const pattern of options.tlsNoVerifyUpstreamFor ?? []) tls.verifyUpstreamFor(pattern, false);
    return tls;
  });
}

function applyViolation(network: NetworkBuilder, text: string): void {
  network.onSecretViolation((action) => {
    switch (text) {
      case 'block':
        return action.block();
      case 'block-and-log':
        return action.blockAndLog();
      case 'block-and-terminate':
        return action.blockAndTerminate();
      case 'passthrough':
        return action.passthroughAllHosts(true);
      default:
        throw new CustomError(
          `invalid violation action: ${text} (expected: block, block-and-log, block-and-terminate, passthrough)`,
        );
    }
  });
}

/** The four options of one direction. */
interface RateOptions {
  readonly bandwidth: string | undefined;
  readonly bandwidthBurst: string | undefined;
  readonly ops: string | undefined;
  readonly opsBurst: string | undefined;
}

function applyRateLimits(network: NetworkBuilder, options: NetworkOptions): void {
  const egress: RateOptions = {
    bandwidth: options.netEgressBandwidth,
    bandwidthBurst: options.netEgressBandwidthBurst,
    ops: options.netEgressOps,
    opsBurst: options.netEgressOpsBurst,
  };
  const ingress: RateOptions = {
    bandwidth: options.netIngressBandwidth,
    bandwidthBurst: options.netIngressBandwidthBurst,
    ops: options.netIngressOps,
    opsBurst: options.netIngressOpsBurst,
  };
  const given = (rates: RateOptions): boolean => Object.values(rates).some((text) => text !== undefined);
  if (!given(egress) && !given(ingress)) return;
  network.rateLimiter((limiter) => {
    if (given(egress)) limiter.egress((limit) => applyRates(limit, egress, '--net-egress'));
    if (given(ingress)) limiter.ingress((limit) => applyRates(limit, ingress, '--net-ingress'));
    return limiter;
  });
}

function applyRates(limit: RateLimiterBuilder, rates: RateOptions, flag: string): RateLimiterBuilder {
  const { bandwidth, bandwidthBurst, ops, opsBurst } = rates;
  if (bandwidth !== undefined) {
    const { amount, intervalMs } = prefixed(`${flag}-bandwidth`, () => parseBandwidth(bandwidth));
    limit.bandwidth(amount, intervalMs);
  }
  if (bandwidthBurst !== undefined) {
    limit.bandwidthBurst(prefixed(`${flag}-bandwidth-burst`, () => parseByteCount(bandwidthBurst)));
  }
  if (ops !== undefined) {
    const { amount, intervalMs } = prefixed(`${flag}-ops`, () => parseOperations(ops));
    limit.ops(amount, intervalMs);
  }
  if (opsBurst !== undefined) {
    limit.opsBurst(prefixed(`${flag}-ops-burst`, () => parseCount(opsBurst)));
  }
  return limit;
}
