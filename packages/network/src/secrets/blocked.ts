/** How a placeholder was found. */
export type MatchForm = 'raw' | 'percent_decoded' | 'json_unescaped' | 'basic_auth_decoded';

/** A placeholder on its way to where its secret may not go. Never holds a value. */
export interface SecretViolation {
  readonly action: 'block' | 'block-and-log' | 'block-and-terminate';
  readonly envVar: string;
  readonly placeholder: string;
  readonly location: 'header' | 'query' | 'authorization_basic' | 'body' | 'unknown';
  readonly matchForm: MatchForm;
}

/**
 * The connection has to end: it carries a placeholder where it may not go, or a request that cannot be judged. Nothing
 * of what was last given to the filter may be forwarded.
 */
export class BlockedConnection extends Error {
  /** Null for a request that is not acceptable in itself. */
  readonly violation: SecretViolation | null;

  constructor(reason: string, violation: SecretViolation | null = null) {
    super(reason);
    this.name = 'BlockedConnection';
    this.violation = violation;
  }
}
