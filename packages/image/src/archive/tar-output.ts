import { BatchWriter } from '../io/batch-writer.ts';
import { encodeTarEntry, TAR_END, tarPadding } from './encode-tar-entry.ts';

const PLAIN = { uid: 0, gid: 0, mtime: 0, linkName: '', major: 0, minor: 0 };

/** Writes an archive of plain members into a file: owned by root, time 0. */
export class TarOutput {
  readonly #writer: BatchWriter;

  constructor(path: string) {
    this.#writer = new BatchWriter(path);
  }

  async directory(name: string): Promise<void> {
    this.#writer.append(encodeTarEntry({ ...PLAIN, name: `${name}/`, type: '5', mode: 0o755, size: 0 }));
    await this.#writer.drain();
  }

  /** Adds a file of exactly `size` bytes. */
  async file(
    name: string,
    size: number,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    this.#writer.append(encodeTarEntry({ ...PLAIN, name, type: '0', mode: 0o644, size }));
    for await (const chunk of chunks) {
      this.#writer.append(chunk);
      await this.#writer.drain();
    }
    this.#writer.append(tarPadding(size));
  }

  /** Adds a small file. */
  async text(name: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await this.file(name, bytes.length, [bytes]);
  }

  async finish(): Promise<void> {
    this.#writer.append(TAR_END);
    await this.#writer.finish();
  }

  /** Closes the file after a failure elsewhere. Does nothing after {@link finish}. */
  async abort(): Promise<void> {
    await this.#writer.abort();
  }
}
