import { BlockedConnection, type MatchForm, type SecretViolation } from './blocked.ts';
import type { ForbiddenSecret } from './eligibility.ts';

/** A byte may be written with six (`\u0041`). */
const LONGEST_ESCAPE = 6;

const SEVERITY = { block: 0, 'block-and-log': 1, 'block-and-terminate': 2 } as const;

/**
 * Looks for placeholders in what a request says, as they are and in the forms in which programs write them. What was
 * seen last is kept, so that one that comes in pieces is found too. Text is `latin1`: one character a byte.
 */
export class ViolationScanner {
  readonly #forbidden: readonly (ForbiddenSecret & { readonly bytes: string })[];
  readonly #keep: number;
  #tail = '';

  constructor(forbidden: readonly ForbiddenSecret[]) {
    this.#forbidden = forbidden.map((secret) => ({ ...secret, bytes: latin1(secret.placeholder) }));
    const longest = Math.max(0, ...this.#forbidden.map(({ bytes }) => bytes.length));
    this.#keep = Math.max(0, LONGEST_ESCAPE * longest - 1);
  }

  /** There is nothing to look for. */
  get isIdle(): boolean {
    return this.#forbidden.length === 0;
  }

  /** Forgets what came before: another request begins. */
  reset(): void {
    this.#tail = '';
  }

  /** @throws BlockedConnection for a placeholder in what comes next */
  scan(text: string, location: SecretViolation['location']): void {
    if (this.isIdle) return;
    const window = this.#tail + text;
    this.#tail = window.slice(-this.#keep);
    this.#refuse(window, location, 'raw');
    if (window.includes('%')) this.#refuse(percentDecoded(window), location, 'percent_decoded');
    if (window.includes('\\u')) this.#refuse(jsonUnescaped(window), location, 'json_unescaped');
  }

  /** The same for text that was decoded before, such as user and password. @throws BlockedConnection */
  scanDecoded(text: string, location: SecretViolation['location'], matchForm: MatchForm): void {
    this.#refuse(text, location, matchForm);
  }

  #refuse(text: string, location: SecretViolation['location'], matchForm: MatchForm): void {
    const [worst] = this.#forbidden
      .filter(({ bytes }) => text.includes(bytes))
      .sort((left, right) => SEVERITY[right.action] - SEVERITY[left.action]);
    if (worst === undefined) return;
    const { action, envVar, placeholder } = worst;
    throw new BlockedConnection(`placeholder of ${envVar} where it may not go`, {
      action,
      envVar,
      placeholder,
      location,
      matchForm,
    });
  }
}

/** The bytes of a text, one character each. */
export function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function jsonUnescaped(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) =>
    latin1(String.fromCharCode(Number.parseInt(hex, 16))),
  );
}
