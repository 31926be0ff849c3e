/** How a layer's archive is packed. */
export type Compression = 'gzip' | 'zstd' | 'none';

/** Told from the media type of the layer, whose forms all contain the name. */
export function compressionOf(mediaType: string | null): Compression {
  if (mediaType?.includes('gzip')) return 'gzip';
  if (mediaType?.includes('zstd')) return 'zstd';
  return 'none';
}
