import { AgentClientError } from '@microsandbox/types';
import type { RelayIdRange } from '../relay-id-range.ts';

/** Hands out correlation ids of one connection: upwards, around at the end, never one that is still in use. */
export class CorrelationIds {
  readonly #first: number;
  readonly #endExclusive: number;
  #next: number;

  constructor(range: RelayIdRange) {
    this.#first = Math.max(1, range.start);
    this.#endExclusive = range.endExclusive;
    this.#next = this.#first;
  }

  /** @throws AgentClientError when every id is in use. */
  take(inUse: { has(id: number): boolean; readonly size: number }): number {
    const count = this.#endExclusive - this.#first;
    if (inUse.size < count) {
      for (let tried = 0; tried < count; tried += 1) {
        const id = this.#next;
        this.#next = id + 1 < this.#endExclusive ? id + 1 : this.#first;
        if (!inUse.has(id)) return id;
      }
    }
    throw new AgentClientError('agent correlation id range exhausted');
  }
}
