import { BatchWriter } from '../io/batch-writer.ts';
import type { FileData } from '../tree/nodes.ts';
import type { SparseOutput } from './sparse/sparse-expander.ts';

/** Bodies of at least this many bytes go to the spool file. */
const SPOOLED_FROM_BYTES = 64 * 1024;

/** Small bodies share slabs of memory, so that none keeps a whole input chunk alive. Slabs grow with the layer. */
const FIRST_SLAB_BYTES = SPOOLED_FROM_BYTES;
const LAST_SLAB_BYTES = 1024 * 1024;

/**
 * Bodies start at whole blocks of the spool file, with zeros between them: the layout in which they are needed,
 * so that neighbours can later be read with one call.
 */
const SPOOL_ALIGNMENT = 4096;

const EMPTY: FileData = { source: 'memory', bytes: Buffer.alloc(0) };

/**
 * Keeps the bodies of regular files while the tree is built: small ones in memory as long as the budget lasts,
 * the others in a spool file. One body at a time.
 */
export class BodyStore implements SparseOutput {
  readonly #spool: BatchWriter;
  #memoryLeft: number;
  #slab = Buffer.alloc(0);
  #slabUsed = 0;
  /** The body being written, and how much of it is there when it goes to memory. */
  #current: FileData = EMPTY;
  #filled = 0;

  constructor(spoolPath: string, memoryBytes: number) {
    this.#spool = new BatchWriter(spoolPath);
    this.#memoryLeft = memoryBytes;
  }

  /** Begins a body of exactly `size` bytes and says where it will be. */
  begin(size: number): FileData {
    this.#filled = 0;
    if (size === 0) this.#current = EMPTY;
    else if (size < SPOOLED_FROM_BYTES && size <= this.#memoryLeft) this.#current = this.#inMemory(size);
    else this.#current = this.#inSpool();
    return this.#current;
  }

  /** Copies the next bytes of the body. */
  append(bytes: Uint8Array): void {
    if (this.#current.source === 'memory') {
      this.#current.bytes.set(bytes, this.#filled);
      this.#filled += bytes.length;
    } else {
      this.#spool.append(bytes);
    }
  }

  /** The next bytes of the body are zero. */
  appendHole(bytes: number): void {
    if (this.#current.source === 'memory') {
      this.#current.bytes.fill(0, this.#filled, this.#filled + bytes);
      this.#filled += bytes;
    } else {
      this.#spool.appendZeros(bytes);
    }
  }

  /** Waits until the spool file has kept up. */
  drain(): Promise<void> {
    return this.#spool.drain();
  }

  finish(): Promise<void> {
    return this.#spool.finish();
  }

  abort(): Promise<void> {
    return this.#spool.abort();
  }

  #inMemory(size: number): FileData {
    this.#memoryLeft -= size;
    if (this.#slab.length - this.#slabUsed < size) {
      const bytes = Math.min(Math.max(FIRST_SLAB_BYTES, this.#slab.length * 2), LAST_SLAB_BYTES);
      this.#slab = Buffer.allocUnsafeSlow(bytes);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += size;
    return { source: 'memory', bytes: this.#slab.subarray(start, this.#slabUsed) };
  }

  #inSpool(): FileData {
    this.#spool.align(SPOOL_ALIGNMENT);
    return { source: 'region', path: this.#spool.path, offset: this.#spool.position };
  }
}
