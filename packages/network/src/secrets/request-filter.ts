import type { SecretPlan } from './eligibility.ts';

export interface RequestFilterOptions {
  readonly plan: SecretPlan;
  /** Host that every request must be for; null when that is not checked. */
  readonly hostName: string | null;
}

/** What a request is about, for the log. The query is left out. */
export interface RequestSummary {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** Of HTTP/2. */
  readonly streamId?: number;
}

/** Looks at what a guest sends to a server, and changes it (spec: network 14.4 to 14.6). */
export interface RequestFilter {
  readonly protocol: 'http/1.1' | 'http/2';
  /** The request that was read last. */
  readonly request: RequestSummary | null;
  /** The last request asked for another protocol; should the server agree, tell by {@link upgraded}. */
  readonly wantsUpgrade: boolean;
  /** The server agreed: what follows is no HTTP. */
  upgraded(): void;
  /**
   * Takes what the guest sent. @returns what is to be sent on, which may be nothing yet
   *
   * @throws BlockedConnection
   */
  transform(chunk: Buffer): Buffer;
  /** The guest sends nothing more. @returns what was held back @throws BlockedConnection */
  end(): Buffer;
}
