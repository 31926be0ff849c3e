import { formatBytes } from '@microsandbox/utils';
import { Image, type ImageDiskUsage } from 'microsandbox';
import type { ImageDfOptions } from '../commands/image-df.ts';
import { paintOut } from '../output/colour.ts';
import { DetailView } from '../output/detail-view.ts';
import { renderJson } from '../output/json.ts';
import { renderTable } from '../output/table.ts';
import { jsonTimestamp, localTimestamp } from '../output/timestamp.ts';
import { writeOut } from '../output/write.ts';

/** `msb image df`. */
export async function showDiskUsage(options: ImageDfOptions): Promise<number> {
  const usage = await Image.diskUsage();
  writeOut(options.format === 'json' ? renderJson(usageJson(usage)) : usageText(usage));
  return 0;
}

function usageJson(usage: ImageDiskUsage): unknown {
  return {
    images: usage.images.map((image) => ({
      last_used_at: jsonTimestamp(image.lastUsedAt),
      own_bytes: image.ownBytes,
      reference: image.reference,
      sandboxes: image.sandboxes,
      shared_bytes: image.sharedBytes,
      total_bytes: image.totalBytes,
    })),
    leftover_bytes: usage.leftoverBytes,
    reclaimable_bytes: usage.reclaimableBytes,
    templates: { count: usage.templates.count, total_bytes: usage.templates.totalBytes },
    total_bytes: usage.totalBytes,
  };
}

function usageText({ images, templates, ...usage }: ImageDiskUsage): string {
  const rows = images.map((image) => [
    image.reference,
    formatBytes(image.totalBytes),
    formatBytes(image.sharedBytes),
    formatBytes(image.ownBytes),
    String(image.sandboxes),
    localTimestamp(image.lastUsedAt),
  ]);
  const header = ['REFERENCE', 'SIZE', 'SHARED', 'OWN', 'SANDBOXES', 'LAST USED'];
  const summary = new DetailView(paintOut)
    .row('Images', formatBytes(usage.totalBytes))
    .row('Reclaimable', formatBytes(usage.reclaimableBytes))
    .row('Leftovers', formatBytes(usage.leftoverBytes))
    .row('Templates', `${formatBytes(templates.totalBytes)} (${templates.count})`);
  return `${renderTable(header, rows, paintOut)}${rows.length > 0 ? '\n' : ''}${summary}`;
}
