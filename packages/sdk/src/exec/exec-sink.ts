import type { AgentStream } from '@microsandbox/protocol';
import { toBytes } from './stdin.ts';

/** Most bytes in one message: with what stands around them they fit the buffers of all that pass them on. */
const CHUNK_BYTES = 64 * 1024 - 128;

/** Writes to a program's standard input. */
export class ExecSink implements AsyncDisposable {
  readonly #stream: Pick<AgentStream, 'send'>;
  #closed = false;

  /** @internal Use `ExecHandle.takeStdin()`. */
  constructor(stream: Pick<AgentStream, 'send'>) {
    this.#stream = stream;
  }

  /** Resolves when the connection took the data. An empty write does nothing. */
  async write(data: Uint8Array | string): Promise<void> {
    if (this.#closed) throw new Error('write sink already closed');
    const bytes = toBytes(data);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      await this.#stream.send('core.exec.stdin', { data: bytes.subarray(at, at + CHUNK_BYTES) });
    }
  }

  /** Lets the program read end of file. Repeatable. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#stream.send('core.exec.stdin', { data: new Uint8Array() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
