import type { PullProgressEvent } from '@microsandbox/types';
import type { Sandbox } from './sandbox-instance.ts';

/** Progress of a pull; several readers share one queue. */
export interface PullProgressStream extends AsyncIterable<PullProgressEvent> {
  /** The next event, or null at the end. */
  recv(): Promise<PullProgressEvent | null>;
}

/** Events kept for a reader that is slow; beyond that the oldest are dropped. */
const MAX_QUEUED = 4096;

/** A sandbox that is being created, with the progress of its pull. */
export class PullProgressCreate implements AsyncIterable<PullProgressEvent> {
  readonly #queue: PullProgressEvent[] = [];
  readonly #sandbox: Promise<Sandbox>;
  #waiting: (() => void)[] = [];
  #ended = false;
  #awaited = false;

  /** @internal Made by `SandboxBuilder.createWithPullProgress()`. */
  constructor(create: (onProgress: (event: PullProgressEvent) => void) => Promise<Sandbox>) {
    this.#sandbox = create((event) => this.#push(event)).finally(() => this.#end());
    // Who never asks for the sandbox must not be told by an unhandled rejection.
    this.#sandbox.catch(() => {});
  }

  get progress(): PullProgressStream {
    return { recv: () => this.#recv(), [Symbol.asyncIterator]: () => this[Symbol.asyncIterator]() };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PullProgressEvent, void, void> {
    for (;;) {
      const event = await this.#recv();
      if (event === null) return;
      yield event;
    }
  }

  /** Waits until the sandbox runs; fails with what went wrong. Once. */
  async awaitSandbox(): Promise<Sandbox> {
    if (this.#awaited) throw new Error('awaitSandbox already called');
    this.#awaited = true;
    return this.#sandbox;
  }

  async #recv(): Promise<PullProgressEvent | null> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) return event;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #push(event: PullProgressEvent): void {
    if (this.#queue.length >= MAX_QUEUED) this.#queue.shift();
    this.#queue.push(event);
    this.#wake();
    if (event.kind === 'complete') this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
