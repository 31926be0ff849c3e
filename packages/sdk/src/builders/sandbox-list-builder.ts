/** What a list shows. */
export interface SandboxListOptions {
  readonly cursor?: string;
  readonly limit?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Filter and page of a list; given to the callback of `Sandbox.listWith`. */
export class SandboxListBuilder {
  #options: SandboxListOptions = {};

  /** Most sandboxes on the page, 1 to 100; 20 when not set. */
  limit(limit: number): this {
    this.#options = { ...this.#options, limit };
    return this;
  }

  /** Continues after a page whose `nextCursor` this is. */
  cursor(cursor: string): this {
    this.#options = { ...this.#options, cursor };
    return this;
  }

  /** Only sandboxes with this label. Repeatable: all must match. */
  label(key: string, value: string): this {
    return this.labels({ [key]: value });
  }

  /** Only sandboxes with these labels. */
  labels(labels: Readonly<Record<string, string>>): this {
    this.#options = { ...this.#options, labels: { ...this.#options.labels, ...labels } };
    return this;
  }

  /** @internal */
  toNapi(): SandboxListOptions {
    return { ...this.#options };
  }
}
