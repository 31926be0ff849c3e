import { assertSparseMap, invalidSparseMap, type SparseFile, type SparseStretch } from './sparse-map.ts';
import { SparseMapReader } from './sparse-map-reader.ts';

/** Takes a file's content in order. */
export interface SparseOutput {
  append(bytes: Uint8Array): void;
  /** The next `bytes` bytes are zero. */
  appendHole(bytes: number): void;
}

/** Puts a sparse file together from what the archive stores of it. */
export class SparseExpander {
  readonly #file: SparseFile;
  readonly #output: SparseOutput;
  #reader: SparseMapReader | undefined;
  #map: readonly SparseStretch[] = [];
  /** Stored bytes still to come. */
  #storedLeft: number;
  /** Index of the current stretch, and how much of it is there. */
  #stretch = 0;
  #filled = 0;
  /** Bytes of the file that are there. */
  #position = 0;

  constructor(file: SparseFile, storedBytes: number, maxStretches: number, output: SparseOutput) {
    this.#file = file;
    this.#storedLeft = storedBytes;
    this.#output = output;
    if (file.map === null) this.#reader = new SparseMapReader(maxStretches);
    else this.#begin(file.map);
    if (storedBytes === 0) this.#assertMapRead();
  }

  /** Takes the next bytes of the member's body. */
  append(bytes: Uint8Array): void {
    let at = 0;
    if (this.#reader !== undefined) {
      at = this.#reader.take(bytes, 0);
      this.#storedLeft -= at;
      if (this.#reader.complete) {
        const { map } = this.#reader;
        this.#reader = undefined;
        this.#begin(map);
      }
    }
    this.#storedLeft -= bytes.length - at;
    while (at < bytes.length) at = this.#fill(bytes, at);
    if (this.#storedLeft === 0) this.#assertMapRead();
  }

  #begin(map: readonly SparseStretch[]): void {
    assertSparseMap(map, this.#file.size, this.#storedLeft);
    this.#map = map;
    this.#skipHoles();
  }

  /** Copies into the current stretch. */
  #fill(bytes: Uint8Array, at: number): number {
    const { length } = this.#map[this.#stretch] as SparseStretch;
    const end = Math.min(bytes.length, at + length - this.#filled);
    this.#output.append(bytes.subarray(at, end));
    this.#filled += end - at;
    this.#position += end - at;
    if (this.#filled === length) {
      this.#stretch++;
      this.#filled = 0;
      this.#skipHoles();
    }
    return end;
  }

  /** Goes on to the next stretch that is not empty, or to the file's end. */
  #skipHoles(): void {
    while (this.#map[this.#stretch]?.length === 0) this.#stretch++;
    const next = this.#map[this.#stretch]?.offset ?? this.#file.size;
    if (next > this.#position) this.#output.appendHole(next - this.#position);
    this.#position = next;
  }

  #assertMapRead(): void {
    if (this.#reader !== undefined) throw invalidSparseMap();
  }
}
