import { configured } from '../builders/configure.ts';
import { type RateLimit, RateLimiterBuilder } from './rate-limiter-builder.ts';

type Configure = (builder: RateLimiterBuilder) => RateLimiterBuilder;

/** How fast the guest may send and receive; a direction that is given again replaces what it had. */
export class NetworkRateLimiterBuilder {
  readonly #directions: { egress?: RateLimiterBuilder; ingress?: RateLimiterBuilder } = {};

  /** What the guest sends. */
  egress(configure: Configure): this {
    this.#directions.egress = configured(new RateLimiterBuilder(), configure, RateLimiterBuilder);
    return this;
  }

  /** What the guest receives. */
  ingress(configure: Configure): this {
    this.#directions.ingress = configured(new RateLimiterBuilder(), configure, RateLimiterBuilder);
    return this;
  }

  /** @internal */
  take(): { egress?: RateLimit; ingress?: RateLimit } {
    const { egress, ingress } = this.#directions;
    return {
      ...(egress && { egress: egress.take('egress') }),
      ...(ingress && { ingress: ingress.take('ingress') }),
    };
  }
}
