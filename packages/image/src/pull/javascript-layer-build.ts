import { createHash } from 'node:crypto';
import type { ErofsDataMap } from '../erofs/erofs-data-map.ts';
import { writeErofs } from '../erofs/write-erofs.ts';
import { readLayerTar } from '../tar/read-layer-tar.ts';
import { createDirectory, type FileData, type LayerTree } from '../tree/nodes.ts';
import { decompress } from './decompress.ts';
import type { LayerBuild, LayerBuildOptions, LayerWithMap } from './layer-build.ts';

/** Builds a layer without native code: Node decompresses in its thread pool, and this thread does the rest. */
export class JavaScriptLayerBuild implements LayerBuild {
  readonly #options: LayerBuildOptions;
  #tree: LayerTree = { root: createDirectory() };

  constructor(options: LayerBuildOptions) {
    this.#options = options;
  }

  async read(source: AsyncIterator<Buffer, void, void>): Promise<string> {
    const { compression, spoolPath, limits, signal } = this.#options;
    const hash = createHash('sha256');
    async function* chunks(): AsyncGenerator<Buffer, void, void> {
      for await (const chunk of decompress(source, compression)) {
        hash.update(chunk);
        yield chunk;
      }
    }
    this.#tree = await readLayerTar(chunks(), { spoolPath, limits, ...(signal && { signal }) });
    return `sha256:${hash.digest('hex')}`;
  }

  async write(path: string): Promise<LayerWithMap> {
    const { signal } = this.#options;
    const dataMap = await writeErofs(this.#tree, path, { ...(signal && { signal }) });
    forgetContent(dataMap);
    return { tree: this.#tree, dataMap };
  }
}

/** The tree lives on until the image is merged, which needs no content; that of many layers would fill memory. */
function forgetContent({ extents }: ErofsDataMap): void {
  const none: FileData = { source: 'none' };
  for (const file of extents.keys()) file.data = none;
}
