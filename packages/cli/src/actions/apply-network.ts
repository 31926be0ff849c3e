import { CustomError, MicrosandboxError } from '@microsandbox/types';
import type { NetworkBuilder, RateLimiterBuilder, SandboxBuilder, SecretBuilder } from 'microsandbox';
import { NETWORK_OPTION_NAMES, type NetworkOptions } from '../commands/network-options.ts';
import { splitAtFirst } from '../values/key-value.ts';
import { parsePort } from '../values/port.ts';
import { prefixed } from '../values/prefixed.ts';
import { parseBandwidth, parseByteCount, parseCount, parseOperations } from '../values/rate.ts';
import { parseSecrets } from '../values/secret.ts';
import { policyOfOptions } from './policy-of-options.ts';

/** Applies the options of the network, in the order of the reference command (spec: cli 4). */
export function applyNetwork(builder: SandboxBuilder, options: NetworkOptions): void {
  if (NETWORK_OPTION_NAMES.every((name) => options[name] === undefined)) return;
  try {
    builder.network((network) => configureNetwork(network, options));
  } catch (error) {
    // Builders throw plain errors, as the reference SDK's do; on a command line they are the user's mistakes.
    if (error instanceof MicrosandboxError) throw error;
    throw new CustomError((error as Error).message, { cause: error });
  }
}

function configureNetwork(network: NetworkBuilder, options: NetworkOptions): NetworkBuilder {
  for (const text of options.port ?? []) applyPort(network, text);
  applySecrets(network, options);
  applyDns(network, options);
  applyPolicy(network, options);
  if (options.netIpv4Pool !== undefined) network.ipv4Pool(options.netIpv4Pool);
  if (options.netIpv6Pool !== undefined) network.ipv6Pool(options.netIpv6Pool);
  if (options.maxConnections !== undefined) network.maxConnections(options.maxConnections);
  if (options.trustHostCas) network.trustHostCAs(true);
  applyTls(network, options);
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

function allowHost(builder: SecretBuilder, host: string): void {
  if (host === '*') builder.allowAnyHostDangerous(true);
  else if (host.startsWith('*.')) builder.allowHostPattern(host);
  else builder.allowHost(host);
}

function applyDns(network: NetworkBuilder, options: NetworkOptions): void {
  const { dnsNameserver, dnsQueryTimeoutMs, noDnsRebindProtection } = options;
  if (dnsNameserver === undefined && dnsQueryTimeoutMs === undefined && !noDnsRebindProtection) return;
  network.dns((dns) => {
    if (dnsNameserver !== undefined) dns.nameservers(dnsNameserver);
    if (dnsQueryTimeoutMs !== undefined) dns.queryTimeoutMs(dnsQueryTimeoutMs);
    return dns.rebindProtection(noDnsRebindProtection !== true);
  });
}

function applyPolicy(network: NetworkBuilder, options: NetworkOptions): void {
  const policy = policyOfOptions(options);
  if (policy !== null) network.policyJson(JSON.stringify(policy));
}

/** Any of these options, and any secret, switches interception on. */
function applyTls(network: NetworkBuilder, options: NetworkOptions): void {
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
  if (wanted === undefined) return;
  network.tls((tls) => {
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
