import { rename, writeFile } from 'node:fs/promises';
import type { Heartbeat } from '@microsandbox/protocol';
import { heartbeatJson } from './heartbeat-json.ts';

/** Shortest time between two writes of the file, however fast a guest reports. */
const WRITE_INTERVAL_MS = 900;

/**
 * What the guest last said about itself, kept here and in `heartbeat.json` for others to read (spec: runtime A6).
 * The file is a convenience: a write that fails is no reason to end anything.
 */
export class GuestReport {
  readonly #path: string;
  readonly #temporary: string;
  #latest: Heartbeat | null = null;
  #receivedAt = Number.NEGATIVE_INFINITY;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> | null = null;

  /** @param files the file, and what it is called while it is written */
  constructor(files: { readonly path: string; readonly temporary: string }) {
    this.#path = files.path;
    this.#temporary = files.temporary;
  }

  /** The last report, or null before the first. */
  get latest(): Heartbeat | null {
    return this.#latest;
  }

  /** The last report unless it is older than `maxAgeMs`. */
  recent(maxAgeMs: number): Heartbeat | null {
    return performance.now() - this.#receivedAt <= maxAgeMs ? this.#latest : null;
  }

  receive(heartbeat: Heartbeat): void {
    const now = performance.now();
    this.#latest = heartbeat;
    this.#receivedAt = now;
    if (this.#writing !== null || now - this.#writtenAt < WRITE_INTERVAL_MS) return;
    this.#writtenAt = now;
    this.#writing = this.#write(heartbeat)
      .catch(() => {})
      .finally(() => {
        this.#writing = null;
      });
  }

  /** Waits for a write that is under way; the folder may be removed afterwards. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #write(heartbeat: Heartbeat): Promise<void> {
    await writeFile(this.#temporary, heartbeatJson(heartbeat), { mode: 0o600 });
    await rename(this.#temporary, this.#path);
  }
}
