import { type FileHandle, open } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import type { BatchWriter } from '../io/batch-writer.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { readExactly } from '../io/read-exactly.ts';
import type { FileNode } from '../tree/nodes.ts';
import { BLOCK_BYTES } from './erofs-format.ts';

/** A span of a host file that is to be read into the current batch. */
interface PendingRead {
  readonly path: string;
  readonly offset: number;
  /** Place in the batch. */
  readonly start: number;
  end: number;
  /** Spans of the batch that must be zero: what follows a file in its last block. */
  readonly gaps: (readonly [from: number, to: number])[];
}

/**
 * Writes the bodies of regular files, each padded to whole blocks. Bodies in host files are read straight into
 * the batch that is written; files that are neighbours in both places are read together.
 */
export class FileDataWriter {
  readonly #out: BatchWriter;
  readonly #handles = new Map<string, Promise<FileHandle>>();
  #pending: PendingRead | undefined;

  constructor(out: BatchWriter) {
    this.#out = out;
  }

  async write(file: FileNode, signal?: AbortSignal): Promise<void> {
    const { data, size } = file;
    if (data.source === 'region') return this.#copyRegion(data.path, data.offset, size, signal);
    const bytes = data.source === 'memory' ? data.bytes : undefined;
    if (bytes?.length !== size) throw new ImageError('a file in the tree has no data of its size');
    this.startReads();
    const step = BLOCK_BYTES * 256;
    for (let done = 0; done < size; done += step) {
      this.#out.append(size <= step ? bytes : bytes.subarray(done, done + step));
      if (this.#out.congested) await this.#out.drain();
    }
    this.#out.align(BLOCK_BYTES);
  }

  /** To be called before anybody else writes to the output. */
  startReads(): void {
    const read = this.#pending;
    if (read === undefined) return;
    this.#pending = undefined;
    this.#out.waitFor(this.#read(read, this.#out.buffer));
  }

  /** Closes the files that were read; the output must be finished or aborted. */
  async close(): Promise<void> {
    for (const handle of this.#handles.values()) await handle.then((h) => h.close()).catch(() => undefined);
    this.#handles.clear();
  }

  async #copyRegion(path: string, offset: number, size: number, signal?: AbortSignal): Promise<void> {
    const out = this.#out;
    for (let done = 0; done < size; ) {
      if (out.room < BLOCK_BYTES) {
        this.startReads();
        out.submit();
        signal?.throwIfAborted();
        if (out.congested) await out.drain();
      }
      const bytes = Math.min(size - done, out.room - (out.room % BLOCK_BYTES));
      const padded = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
      const start = out.take(padded);
      const pending = this.#readOn(path, offset + done, start);
      pending.end = start + bytes;
      if (padded > bytes) pending.gaps.push([start + bytes, start + padded]);
      done += bytes;
    }
  }

  /** The pending read if it goes on at this place of file and batch, or a new one. */
  #readOn(path: string, offset: number, start: number): PendingRead {
    const pending = this.#pending;
    if (pending !== undefined && pending.path === path) {
      const distance = offset - pending.offset;
      if (distance === start - pending.start && start >= pending.end && start - pending.end < BLOCK_BYTES) {
        return pending;
      }
    }
    this.startReads();
    this.#pending = { path, offset, start, end: start, gaps: [] };
    return this.#pending;
  }

  async #read({ path, offset, start, end, gaps }: PendingRead, batch: Buffer): Promise<void> {
    const handle = await this.#open(path);
    await readExactly(handle, path, batch.subarray(start, end), offset);
    for (const [from, to] of gaps) batch.fill(0, from, to);
  }

  #open(path: string): Promise<FileHandle> {
    const known = this.#handles.get(path);
    if (known !== undefined) return known;
    const opening = open(path, 'r').catch((error: unknown) => {
      throw hostFileError('read', path, error);
    });
    this.#handles.set(path, opening);
    return opening;
  }
}
