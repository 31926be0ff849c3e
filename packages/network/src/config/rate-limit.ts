import { invalidConfig } from './invalid-config.ts';

/** A bucket that is filled anew every `refill_time_ms`; what it holds at first may be more. */
export interface TokenBucketConfig {
  readonly size: number;
  readonly refill_time_ms: number;
  readonly one_time_burst: number;
}

/** Limits of one direction. */
export interface RateLimitConfig {
  /** Bytes of frame data. */
  readonly bandwidth?: TokenBucketConfig | null | undefined;
  /** Frames. */
  readonly ops?: TokenBucketConfig | null | undefined;
}

/** Egress is what the guest sends (spec: network 16). */
export interface RateLimiterConfig {
  readonly egress?: RateLimitConfig | null | undefined;
  readonly ingress?: RateLimitConfig | null | undefined;
}

/**
 * Refuses limits that let nothing through or limit nothing.
 *
 * @throws InvalidConfigError
 */
export function assertRateLimiter({ egress, ingress }: RateLimiterConfig): void {
  if (!egress && !ingress)
    throw invalidConfig('rate limiter must configure at least one of egress or ingress');
  for (const [direction, limit] of Object.entries({ egress, ingress })) {
    if (!limit) continue;
    const { bandwidth, ops } = limit;
    if (!bandwidth && !ops) {
      throw invalidConfig(
        `${direction} rate limiter: rate limiter must configure at least one of bandwidth or ops`,
      );
    }
    for (const [name, bucket] of Object.entries({ bandwidth, ops })) {
      if (!bucket) continue;
      const what = `${direction} rate limiter: ${name}`;
      if (bucket.size === 0) throw invalidConfig(`${what} bucket: size must be greater than zero`);
      if (bucket.refill_time_ms === 0) {
        throw invalidConfig(`${what} refill interval must be at least one millisecond`);
      }
    }
  }
}
