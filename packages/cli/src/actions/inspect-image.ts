import { formatBytes } from '@microsandbox/utils';
import { Image, type ImageDetail } from 'microsandbox';
import type { ImageInspectOptions } from '../commands/image.ts';
import { paintOut } from '../output/colour.ts';
import { DetailView } from '../output/detail-view.ts';
import { padEnd } from '../output/display-width.ts';
import { renderJson } from '../output/json.ts';
import { localTimestamp } from '../output/timestamp.ts';
import { writeOut } from '../output/write.ts';
import { imageJson, shortDigest } from './image-format.ts';

/** `msb image inspect` (spec: cli 7.3). */
export async function inspectImage(reference: string, options: ImageInspectOptions): Promise<number> {
  const detail = await Image.inspect(reference);
  writeOut(options.format === 'json' ? renderJson(detailJson(detail)) : detailText(detail));
  return 0;
}

function detailJson({ handle, config, layers }: ImageDetail): unknown {
  return {
    ...imageJson(handle),
    config: config && {
      cmd: config.cmd,
      digest: config.digest,
      entrypoint: config.entrypoint,
      env: config.env,
      labels: config.labels,
      stop_signal: config.stopSignal,
      user: config.user,
      working_dir: config.workingDir,
    },
    layers: layers.map((layer) => ({
      blob_digest: layer.blobDigest,
      compressed_size_bytes: layer.compressedSizeBytes,
      diff_id: layer.diffId,
      erofs_size_bytes: layer.erofsSizeBytes,
      media_type: layer.mediaType,
      position: layer.position,
    })),
  };
}

function detailText({ handle, config, layers }: ImageDetail): string {
  const view = new DetailView(paintOut)
    .row('Reference', handle.reference)
    .row('Digest', handle.manifestDigest ?? '-')
    .row('Architecture', handle.architecture ?? '-')
    .row('OS', handle.os ?? '-')
    .row('Size', bytes(handle.sizeBytes))
    .row('Created', localTimestamp(handle.createdAt));
  if (config !== null) {
    view
      .section('Config')
      .indented('Entrypoint', config.entrypoint?.join(' ') || '-')
      .indented('Cmd', config.cmd?.join(' ') || '-')
      .indented('WorkingDir', config.workingDir || '-')
      .indented('User', config.user || '-');
    if (config.env.length > 0) view.line(paintOut('dim', '  Env:'));
    for (const entry of config.env) view.line(`    ${entry}`);
  }
  view.section(`Layers (${layers.length})`);
  for (const [index, layer] of layers.entries()) {
    const cells = [
      padEnd(String(index + 1), 4),
      padEnd(shortDigest(layer.blobDigest), 20),
      padEnd(bytes(layer.compressedSizeBytes), 10),
    ];
    view.line(`  ${cells.join('')}${layer.mediaType ?? '-'}`);
  }
  return view.toString();
}

function bytes(size: number | null): string {
  return size === null ? '-' : formatBytes(size);
}
