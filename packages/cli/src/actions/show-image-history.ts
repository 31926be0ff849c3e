import { formatBytes } from '@microsandbox/utils';
import { Image } from 'microsandbox';
import type { ImageHistoryOptions } from '../commands/image-history.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { printable } from '../output/printable.ts';
import { renderTable } from '../output/table.ts';
import { jsonTimestamp, localTimestamp } from '../output/timestamp.ts';
import { truncate } from '../output/truncate.ts';
import { writeOut } from '../output/write.ts';

const COMMAND_WIDTH = 60;

/** `msb image history`. */
export async function showImageHistory(reference: string, options: ImageHistoryOptions): Promise<number> {
  const entries = await Image.history(reference);
  if (options.format === 'json') {
    const steps = entries.map((entry) => ({
      comment: entry.comment,
      created_at: jsonTimestamp(entry.createdAt),
      created_by: entry.createdBy,
      diff_id: entry.diffId,
      size_bytes: entry.sizeBytes,
    }));
    writeOut(renderJson(steps));
    return 0;
  }
  const rows = entries.map(({ createdAt, createdBy, sizeBytes, diffId }) => {
    const command = printable(createdBy ?? '-');
    return [
      localTimestamp(createdAt),
      sizeBytes === null ? (diffId === null ? '0 B' : '-') : formatBytes(sizeBytes),
      options.noTrunc ? command : truncate(command, COMMAND_WIDTH),
    ];
  });
  writeOut(renderTable(['CREATED', 'SIZE', 'CREATED BY'], rows, paintOut));
  return 0;
}
