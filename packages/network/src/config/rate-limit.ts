import { InvalidConfigError } from '@microsandbox/types';
import * as z from 'zod';

/** A bucket that is filled anew every `refill_time_ms`; what it holds at first may be more. */
const tokenBucketSchema = z.object({
  size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  refill_time_ms: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  one_time_burst: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
});

const rateLimitSchema = z.object({
  /** Bytes of frame data. */
  bandwidth: tokenBucketSchema.nullish(),
  /** Frames. */
  ops: tokenBucketSchema.nullish(),
});

/** Egress is what the guest sends (spec: network 16). */
export const rateLimiterSchema = z.object({
  egress: rateLimitSchema.nullish(),
  ingress: rateLimitSchema.nullish(),
});

export type RateLimiterConfig = z.infer<typeof rateLimiterSchema>;

/**
 * Refuses limits that let nothing through or limit nothing.
 *
 * @throws InvalidConfigError
 */
export function assertRateLimiter(limiter: RateLimiterConfig): void {
  const { egress, ingress } = limiter;
  if (!egress && !ingress) throw invalid('rate limiter must configure at least one of egress or ingress');
  for (const [direction, limit] of Object.entries({ egress, ingress })) {
    if (!limit) continue;
    const { bandwidth, ops } = limit;
    if (!bandwidth && !ops) {
      throw invalid(
        `${direction} rate limiter: rate limiter must configure at least one of bandwidth or ops`,
      );
    }
    for (const [name, bucket] of Object.entries({ bandwidth, ops })) {
      if (!bucket) continue;
      const what = `${direction} rate limiter: ${name} bucket`;
      if (bucket.size === 0) throw invalid(`${what}: size must be greater than zero`);
      if (bucket.refill_time_ms === 0) throw invalid(`${what}: refill_time_ms must be greater than zero`);
    }
  }
}

function invalid(problem: string): InvalidConfigError {
  return new InvalidConfigError(`invalid config: ${problem}`);
}
