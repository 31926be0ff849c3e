/** Contract of `crates/runtime/src/json_lines.rs`. */
export interface JsonLinesAddon {
  /**
   * Writes pieces of `data` into `out` as JSON strings, as `JSON.stringify` does, between a head and a tail each. Bytes
   * that are no UTF-8 become U+FFFD.
   *
   * @param records two numbers a piece: where it ends in `data`, and the index of its head in `frames`, which the tail
   * follows
   * @returns where each line ends; when the last one ends beyond `out`, that holds nothing of use
   * @throws NixError for a record that points outside
   */
  encodeJsonLines(
    data: Uint8Array,
    records: Uint32Array,
    frames: readonly string[],
    out: Buffer,
  ): Uint32Array;
}
