import type { SecretChange } from './control-request.ts';

/** Carries out changes of secrets in a running sandbox; the network has them. */
export interface SecretsUpdater {
  /**
   * Applies one change.
   *
   * @throws Error whose message may be told to the client; it must not contain a secret
   */
  apply(change: SecretChange): Promise<void>;
}
