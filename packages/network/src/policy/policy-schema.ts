import * as z from 'zod';
import { ACTIONS, DIRECTIONS, GROUPS, PROTOCOLS, type StoredPolicy } from './policy.ts';

const port = z.number().int().min(0).max(65_535);

const destinationSchema = z.union([
  z.literal('any'),
  z.strictObject({ cidr: z.string() }),
  z.strictObject({ domain: z.string() }),
  z.strictObject({ domain_suffix: z.string() }),
  z.strictObject({ group: z.enum(GROUPS) }),
]);

const ruleSchema = z.object({
  direction: z.enum(DIRECTIONS),
  destination: destinationSchema,
  protocols: z.array(z.enum(PROTOCOLS)).default([]),
  ports: z.array(z.object({ start: port, end: port })).default([]),
  action: z.enum(ACTIONS),
});

/** A policy from a file. What nobody said is denied. */
export const policySchema = z.object({
  default_egress: z.enum(ACTIONS).default('deny'),
  default_ingress: z.enum(ACTIONS).default('deny'),
  rules: z.array(ruleSchema).default([]),
}) satisfies z.ZodType<StoredPolicy, unknown>;
