import type { HostPattern, ViolationAction } from '@microsandbox/network';

/**
 * What happens when a placeholder is about to leave for a host that its secret may not go to. `passthrough…` calls
 * collect hosts to which the placeholder may go as it is; the last kind of call counts.
 */
export class ViolationActionBuilder {
  #action: ViolationAction = 'block-and-log';

  /** Closes the connection. */
  block(): this {
    return this.#choose('block');
  }

  /** Closes the connection and says so in runtime.log. The default. */
  blockAndLog(): this {
    return this.#choose('block-and-log');
  }

  /** Stops the whole sandbox. */
  blockAndTerminate(): this {
    return this.#choose('block-and-terminate');
  }

  passthroughHost(host: string): this {
    return this.#pass({ exact: host });
  }

  /** `*.suffix`. */
  passthroughHostPattern(pattern: string): this {
    return this.#pass({ wildcard: pattern });
  }

  passthroughAllHosts(really: boolean): this {
    return really ? this.#pass('any') : this;
  }

  /** @internal */
  take(): ViolationAction {
    return this.#action;
  }

  #choose(action: ViolationAction): this {
    this.#action = action;
    return this;
  }

  #pass(pattern: HostPattern): this {
    const before = typeof this.#action === 'object' ? this.#action.passthrough : [];
    return this.#choose({ passthrough: [...before, pattern] });
  }
}
