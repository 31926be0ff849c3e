import { ImageError } from '@microsandbox/types';
import { paxNumber } from '../pax-number.ts';
import { invalidSparseMap, type SparseFile, type SparseStretch } from './sparse-map.ts';

/** A sparse file as a PAX header describes it; its own path is a made-up one. */
export interface PaxSparse {
  readonly file: SparseFile;
  /** Latin1; undefined when the member's path is the right one. */
  readonly path: string | undefined;
}

/**
 * What PAX records say of a sparse member (GNU tar manual, "Storing Sparse Files", "PAX Format"): versions 0.1, whose
 * map is a record, and 1.0, whose map stands before the data. Null when they describe none.
 *
 * @throws {ImageError} for other versions: without its map a file would be put together wrongly.
 */
export function paxSparse(records: ReadonlyMap<string, Buffer>): PaxSparse | null {
  const text = (key: string): string | undefined => records.get(`GNU.sparse.${key}`)?.toString('latin1');
  const path = text('name');
  const version = `${text('major') ?? 0}.${text('minor') ?? 0}`;
  if (version === '1.0') return { file: { size: size(records, 'GNU.sparse.realsize'), map: null }, path };
  const map = text('map');
  if (map !== undefined)
    return { file: { size: size(records, 'GNU.sparse.size'), map: parseMap(map) }, path };
  if (version !== '0.0' || text('numblocks') !== undefined) {
    throw new ImageError(`unsupported sparse format in tar: GNU.sparse ${version}`);
  }
  return null;
}

function size(records: ReadonlyMap<string, Buffer>, key: string): number {
  const bytes = paxNumber(records, key, -1);
  if (bytes < 0) throw invalidSparseMap();
  return bytes;
}

/** `offset,length,offset,length,…` */
function parseMap(text: string): SparseStretch[] {
  if (!/^\d{1,16}(?:,\d{1,16})*$/.test(text)) throw invalidSparseMap();
  const numbers = text.split(',').map(Number);
  if (numbers.length % 2 !== 0) throw invalidSparseMap();
  const map: SparseStretch[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    map.push({ offset: numbers[i] as number, length: numbers[i + 1] as number });
  }
  return map;
}
