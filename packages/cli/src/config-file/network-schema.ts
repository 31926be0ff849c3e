import { POLICY_PRESETS, parseNameserver, parseNetRule } from '@microsandbox/network';
import { parseDurationMs } from '@microsandbox/utils';
import * as z from 'zod';
import { parsePort } from '../values/port.ts';
import { readable } from './readable.ts';
import { textOr } from './text-or.ts';

const texts = z.array(z.string());
const targets = z.array(readable((target) => parseNetRule(`allow@${target}`)));

/** `[BIND:]HOST:GUEST[/PROTO]`, each. */
export const portsSchema = z.array(readable(parsePort));

/** What `--net-conf` holds (spec: network 19.3). */
export const networkObjectSchema = z
  .strictObject({
    policy: z.enum(POLICY_PRESETS),
    allow: targets,
    deny: targets,
    ports: portsSchema,
    dns: z
      .strictObject({
        rebind_protection: z.boolean(),
        nameservers: z.array(readable(parseNameserver)),
        query_timeout: readable(parseDurationMs),
      })
      .partial(),
    tls: z
      .strictObject({
        enabled: z.boolean(),
        bypass: texts,
        verify_upstream: z.boolean(),
        block_quic: z.boolean(),
      })
      .partial(),
    trust_host_cas: z.boolean(),
    max_connections: z.number().int().positive(),
  })
  .partial();

export type NetworkFile = z.infer<typeof networkObjectSchema>;

/** The same under `network`, where the name of a policy stands for all of it. */
export const networkSchema = textOr<NetworkFile, NetworkFile>(
  z.enum(POLICY_PRESETS).transform((policy) => ({ policy })),
  networkObjectSchema,
);

const secretSchema = z
  .strictObject({
    /** A literal value, or the host's variable that has it when the sandbox starts. */
    value: textOr(z.string(), z.strictObject({ $msb_env: z.string() })),
    allow: texts,
    inject: z.array(z.enum(['headers', 'basic_auth', 'query_params'])),
    require_tls_identity: z.boolean(),
  })
  .partial();

export type SecretFile = z.infer<typeof secretSchema>;

/** Secrets by name. */
export const secretsSchema = z.record(z.string(), secretSchema);
