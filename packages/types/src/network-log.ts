import * as z from 'zod';

const time = z.string();

/**
 * A line of `logs/network.log`, JSON. A `started` line stands before the verdicts of each run; a verdict is told when
 * its kind is first seen, and then how often it came again, at most once a second.
 */
export const networkLogRecordSchema = z.discriminatedUnion('type', [
  z.object({ t: time, type: z.literal('started') }),
  z.object({
    t: time,
    type: z.literal('verdict'),
    action: z.enum(['allow', 'deny']),
    direction: z.enum(['egress', 'ingress', 'dns']),
    protocol: z.enum(['tcp', 'udp', 'icmpv4', 'icmpv6']),
    /** Address that the guest dialled, or the peer's of an ingress verdict; null for a DNS name. */
    address: z.string().nullable(),
    port: z.number().int().nullable(),
    hostname: z.string().nullable(),
    decided_by: z.enum(['rule', 'default', 'platform', 'limit']),
    /** Token of the rule that decided; null where none did. */
    rule: z.string().nullable(),
    /** Token that would allow it; null for an allow, or where no rule could. */
    allow_rule: z.string().nullable(),
    /** How many since the last line of this kind. */
    count: z.number().int().positive(),
    first: z.boolean(),
  }),
]);

export type NetworkLogRecord = z.infer<typeof networkLogRecordSchema>;
