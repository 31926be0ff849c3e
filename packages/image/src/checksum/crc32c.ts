const POLYNOMIAL = 0x82f6_3b78;
const SLICES = 8;

/** Table k holds the effect of a byte that is k bytes before the end of an eight-byte step. */
const tables = buildTables();

/**
 * CRC32C (Castagnoli, reflected) of `bytes`, chained from `seed` and *not* inverted at the end: the form that
 * EROFS and ext4 store. Start with 0xFFFFFFFF; pass the result as the seed to go on.
 */
export function crc32c(bytes: Uint8Array, seed: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let crc = seed | 0;
  let i = 0;
  for (const end = bytes.length - (SLICES - 1); i < end; i += SLICES) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (t7[crc & 0xff] as number) ^
      (t6[(crc >>> 8) & 0xff] as number) ^
      (t5[(crc >>> 16) & 0xff] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[bytes[i + 4] as number] as number) ^
      (t2[bytes[i + 5] as number] as number) ^
      (t1[bytes[i + 6] as number] as number) ^
      (t0[bytes[i + 7] as number] as number);
  }
  for (; i < bytes.length; i++) crc = (t0[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return crc >>> 0;
}

type Tables = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

function buildTables(): Tables {
  const built = Array.from({ length: SLICES }, () => new Int32Array(256)) as unknown as Tables;
  const [first] = built;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  for (let k = 1; k < SLICES; k++) {
    const previous = built[k - 1] as Int32Array;
    const table = built[k] as Int32Array;
    for (let byte = 0; byte < 256; byte++) {
      const crc = previous[byte] as number;
      table[byte] = (first[crc & 0xff] as number) ^ (crc >>> 8);
    }
  }
  return built;
}
