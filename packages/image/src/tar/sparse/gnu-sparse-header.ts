import { tarNumber } from '../tar-number.ts';
import { invalidSparseMap, type SparseFile, type SparseStretch } from './sparse-map.ts';

const ENTRY_BYTES = 24;
const FIRST = { offset: 386, entries: 4, isExtended: 482 };
const FURTHER = { offset: 0, entries: 21, isExtended: 504 };
const REAL_SIZE_OFFSET = 483;

/**
 * Map of an old GNU sparse member (type `S`): four stretches in its header, and more in records that follow it
 * (GNU tar manual, "Storing Sparse Files", "Old GNU Format").
 */
export class GnuSparseHeader {
  readonly #size: number;
  readonly #map: SparseStretch[] = [];
  readonly #maxStretches: number;
  /** Whether another record of the map follows. */
  isExtended: boolean;

  constructor(header: Buffer, maxStretches: number) {
    this.#size = number(header, REAL_SIZE_OFFSET);
    this.#maxStretches = maxStretches;
    this.isExtended = this.#take(header, FIRST);
  }

  addRecord(record: Buffer): void {
    this.isExtended = this.#take(record, FURTHER);
  }

  get file(): SparseFile {
    return { size: this.#size, map: this.#map };
  }

  #take(record: Buffer, layout: typeof FIRST): boolean {
    for (let i = 0; i < layout.entries; i++) {
      const at = layout.offset + i * ENTRY_BYTES;
      if (record[at] === 0) break;
      this.#map.push({ offset: number(record, at), length: number(record, at + ENTRY_BYTES / 2) });
    }
    if (this.#map.length > this.#maxStretches) throw invalidSparseMap();
    return record[layout.isExtended] !== 0;
  }
}

function number(record: Buffer, offset: number): number {
  const value = Number(tarNumber(record, offset, 12) ?? -1);
  if (!Number.isSafeInteger(value) || value < 0) throw invalidSparseMap();
  return value;
}
