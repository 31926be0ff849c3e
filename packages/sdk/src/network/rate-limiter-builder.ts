/** A bucket in stored form. */
interface TokenBucket {
  size: number;
  refill_time_ms: number;
  one_time_burst: number;
}

/** Limits of one direction, in stored form. */
export interface RateLimit {
  bandwidth?: TokenBucket;
  ops?: TokenBucket;
}

/** Limits of one direction: so many bytes or packets in a time. */
export class RateLimiterBuilder {
  readonly #limit: RateLimit = {};
  readonly #bursts: { bandwidth?: number; ops?: number } = {};

  /** Bytes in every `refillTimeMs`. @throws Error unless both are non-negative integers */
  bandwidth(sizeBytes: number, refillTimeMs: number): this {
    this.#limit.bandwidth = {
      size: count('sizeBytes', sizeBytes),
      refill_time_ms: count('refillTimeMs', refillTimeMs),
      one_time_burst: 0,
    };
    return this;
  }

  /** Bytes that may go out beyond that, once. */
  bandwidthBurst(bytes: number): this {
    this.#bursts.bandwidth = count('bytes', bytes);
    return this;
  }

  /** Packets in every `refillTimeMs`. */
  ops(operations: number, refillTimeMs: number): this {
    this.#limit.ops = {
      size: count('count', operations),
      refill_time_ms: count('refillTimeMs', refillTimeMs),
      one_time_burst: 0,
    };
    return this;
  }

  /** Packets that may go out beyond that, once. */
  opsBurst(operations: number): this {
    this.#bursts.ops = count('count', operations);
    return this;
  }

  /**
   * @internal
   * @throws Error for a burst of what has no limit
   */
  take(direction: 'egress' | 'ingress'): RateLimit {
    const limit: RateLimit = {};
    for (const name of ['bandwidth', 'ops'] as const) {
      const bucket = this.#limit[name];
      const burst = this.#bursts[name];
      if (bucket === undefined && burst !== undefined) {
        throw new Error(`${direction} rate limiter: ${name}_burst requires the ${name} bucket`);
      }
      if (bucket !== undefined) limit[name] = { ...bucket, one_time_burst: burst ?? 0 };
    }
    return limit;
  }
}

function count(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${name} must be a non-negative integer`);
}
