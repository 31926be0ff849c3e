import type { TarScanner } from './tar-scanner.ts';

/** Numbers a stretch in {@link CondensedArchive}. */
const STRETCH = 3;

/**
 * Part of an archive without the bodies of its files, which are in a file of their own. Bytes that are there and
 * bytes that are not take turns.
 */
export class CondensedArchive {
  readonly #bytes: Buffer;
  readonly #runs: Float64Array;
  readonly #bodiesPath: string;

  /**
   * @param bytes what is there, all of it in a row
   * @param runs three numbers a stretch: bytes that are there, bytes after them that are not, and the offset of those
   * in the file at `bodiesPath` (any when they are no part of a body)
   */
  constructor(bytes: Buffer, runs: Float64Array, bodiesPath: string) {
    this.#bytes = bytes;
    this.#runs = runs;
    this.#bodiesPath = bodiesPath;
  }

  feed(scanner: TarScanner): void {
    let at = 0;
    for (let i = 0; i < this.#runs.length; i += STRETCH) {
      const [here = 0, elsewhere = 0, offset = 0] = this.#runs.subarray(i, i + STRETCH);
      if (here > 0) scanner.push(this.#bytes.subarray(at, at + here));
      if (elsewhere > 0) scanner.pushElided(elsewhere, { source: 'region', path: this.#bodiesPath, offset });
      at += here;
    }
  }
}
