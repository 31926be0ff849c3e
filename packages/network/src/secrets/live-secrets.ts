import { InvalidConfigError } from '@microsandbox/types';
import { type HostPattern, parseHostPattern } from '../config/host-pattern.ts';
import type { SecretEntry, SecretsConfig } from '../config/secret-config.ts';

/** A change of a secret while its sandbox runs, as `control.sock` takes it (spec: network 14.9). */
export type SecretChange =
  | { readonly change: 'rotate'; readonly name: string; readonly value: string }
  | { readonly change: 'set_allowed_hosts'; readonly name: string; readonly hosts: readonly string[] }
  | { readonly change: 'remove'; readonly name: string };

/** A secret whose value can be wiped. */
interface HeldSecret {
  readonly entry: Omit<SecretEntry, 'value'>;
  readonly value: Buffer;
}

/**
 * The secrets of a running sandbox. A connection takes a {@link snapshot} when it begins and keeps it. Values are held
 * as bytes and overwritten when they are replaced; the text that a connection works with cannot be, and goes with it.
 */
export class LiveSecrets {
  readonly #onViolation: SecretsConfig['on_violation'];
  #secrets: readonly HeldSecret[];

  constructor({ secrets, on_violation }: SecretsConfig) {
    this.#onViolation = on_violation;
    this.#secrets = secrets.map(({ value, ...entry }) => ({ entry, value: Buffer.from(value) }));
  }

  /** The secrets as they are now. */
  snapshot(): SecretsConfig {
    return {
      on_violation: this.#onViolation,
      secrets: this.#secrets.map(({ entry, value }) => ({ ...entry, value: value.toString() })),
    };
  }

  /**
   * Makes a change for connections that begin from now on. Removing a secret that there is not is none; after a removal
   * its placeholder is looked for no more.
   *
   * @throws InvalidConfigError in the words of the reference
   */
  async apply(change: SecretChange): Promise<void> {
    if (change.change === 'remove') {
      this.#wipe(change.name);
      this.#secrets = this.#secrets.filter(({ entry }) => entry.env_var !== change.name);
      return;
    }
    if (!this.#secrets.some(({ entry }) => entry.env_var === change.name)) {
      throw new InvalidConfigError(`no secret named ${change.name} is configured`);
    }
    if (change.change === 'rotate') {
      this.#wipe(change.name);
      this.#replace(change.name, ({ entry }) => ({ entry, value: Buffer.from(change.value) }));
    } else {
      const allowed_hosts = patternsOf(change.name, change.hosts);
      this.#replace(change.name, ({ entry, value }) => ({ entry: { ...entry, allowed_hosts }, value }));
    }
  }

  /** Overwrites all values. */
  [Symbol.dispose](): void {
    for (const { value } of this.#secrets) value.fill(0);
    this.#secrets = [];
  }

  #replace(name: string, change: (secret: HeldSecret) => HeldSecret): void {
    this.#secrets = this.#secrets.map((secret) => (secret.entry.env_var === name ? change(secret) : secret));
  }

  #wipe(name: string): void {
    for (const { entry, value } of this.#secrets) if (entry.env_var === name) value.fill(0);
  }
}

function patternsOf(name: string, hosts: readonly string[]): HostPattern[] {
  if (hosts.length === 0) {
    throw new InvalidConfigError(`secret ${name}: at least one allowed host is required`);
  }
  return hosts.map(parseHostPattern);
}
