import type { NetworkLogRecord } from '@microsandbox/types';
import { RotatingFile } from '../journal/rotating-file.ts';

/** A disk that is slower than the guest's attempts does not fill the memory. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

/** `logs/network.log`: verdicts as lines of JSON, set aside when it grows too large. */
export class NetworkLog {
  readonly #file: RotatingFile;

  constructor(path: string, onError: (error: unknown) => void) {
    this.#file = new RotatingFile(path, { onError });
  }

  append(record: NetworkLogRecord): void {
    if (this.#file.backlogBytes > MAX_BACKLOG_BYTES) return;
    this.#file.append(`${JSON.stringify(record)}\n`);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
