/** Files of an image layout, wherever they are. Paths are relative, with slashes. */
export interface LayoutFiles {
  /** What messages call it. */
  readonly name: string;

  /**
   * A whole small file.
   *
   * @throws {ImageError} when there is none, or it is longer than `limitBytes`.
   */
  readSmall(path: string, limitBytes: number): Promise<Buffer>;

  /**
   * The bytes of a file from `offset` on. No chunk is reused after it was given out.
   *
   * @throws {ImageError} when there is none.
   */
  read(path: string, offset: number, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, void>;
}
