import { createHash } from 'node:crypto';
import type { Compression } from './compression.ts';
import { decompress } from './decompress.ts';
import type { UnpackedLayer } from './unpacked-layer.ts';

/** Unpacks a layer without native code: Node decompresses in its thread pool, and the event loop hashes. */
export function unpackInJavaScript(
  source: AsyncIterator<Buffer, void, void>,
  compression: Compression,
): UnpackedLayer {
  const hash = createHash('sha256');
  async function* pieces(): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of decompress(source, compression)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return { pieces: pieces(), digest: () => `sha256:${hash.digest('hex')}` };
}
