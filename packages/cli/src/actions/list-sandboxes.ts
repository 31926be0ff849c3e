import type { ListOptions } from '../commands/list.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { jsonStatus, statusLabel } from '../output/status-label.ts';
import { renderTable } from '../output/table.ts';
import { jsonTimestamp, localTimestamp } from '../output/timestamp.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { allSandboxes } from './all-sandboxes.ts';
import { storedImageLabel } from './stored-config.ts';

/** `msb list` (spec: cli 6.11). */
export async function listSandboxes(options: ListOptions): Promise<number> {
  const wanted = options.running ? 'running' : options.stopped ? 'stopped' : null;
  const handles = (await allSandboxes(options.label)).filter(
    ({ status }) => wanted === null || status === wanted,
  );
  const rows = handles.map(({ name, status, createdAt, configJson }) => ({
    name,
    status,
    createdAt,
    image: storedImageLabel(configJson),
  }));
  if (options.format === 'json') {
    writeOut(
      renderJson(
        rows.map(({ name, status, createdAt, image }) => ({
          name,
          image,
          status: jsonStatus(status),
          created_at: jsonTimestamp(createdAt),
        })),
      ),
    );
  } else if (options.quiet) {
    writeOut(rows.map(({ name }) => `${name}\n`).join(''));
  } else if (rows.length === 0) {
    writeErr('No sandboxes found.\n');
  } else {
    const cells = rows.map(({ name, image, status, createdAt }) => [
      name,
      image,
      statusLabel(status, paintOut),
      localTimestamp(createdAt),
    ]);
    writeOut(renderTable(['NAME', 'IMAGE', 'STATUS', 'CREATED'], cells, paintOut));
  }
  return 0;
}
