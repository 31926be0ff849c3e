import { formatBytes, parseSizeMib } from '@microsandbox/utils';
import { WarmBoot } from 'microsandbox';
import type { WarmListOptions, WarmMakeOptions } from '../commands/warm.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { renderTable } from '../output/table.ts';
import { localTimestamp } from '../output/timestamp.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { succeeded } from '../progress/action-line.ts';
import { withSpinner } from '../progress/spinner.ts';

const OUTCOMES = {
  made: 'Warmed',
  present: 'Present',
  busy: 'Busy',
} as const;

/** `msb warm`. */
export async function makeTemplate(options: WarmMakeOptions): Promise<number> {
  const started = performance.now();
  const size = {
    ...(options.cpus !== undefined && { cpus: options.cpus }),
    ...(options.memory !== undefined && { memory: parseSizeMib(options.memory) }),
  };
  const outcome = await withSpinner('Warming', null, 'template', options, () => WarmBoot.prewarm(size));
  if (!options.quiet) succeeded(OUTCOMES[outcome], 'template', performance.now() - started);
  return 0;
}

/** `msb warm list`. */
export async function listTemplates(options: WarmListOptions): Promise<number> {
  const templates = await WarmBoot.list();
  if (options.format === 'json') {
    const entries = templates.map(({ key, createdAt, lastUsedAt, sizeBytes }) => ({
      created_at: createdAt.toISOString(),
      key,
      last_used_at: lastUsedAt.toISOString(),
      size_bytes: sizeBytes,
    }));
    writeOut(renderJson(entries));
  } else if (templates.length === 0) {
    writeErr('No templates found.\n');
  } else {
    const rows = templates.map(({ key, createdAt, lastUsedAt, sizeBytes }) => [
      key,
      formatBytes(sizeBytes),
      localTimestamp(createdAt),
      localTimestamp(lastUsedAt),
    ]);
    writeOut(renderTable(['TEMPLATE', 'SIZE', 'CREATED', 'LAST USED'], rows, paintOut));
  }
  return 0;
}

/** `msb warm remove`. */
export async function removeTemplates(): Promise<number> {
  const count = await WarmBoot.remove();
  succeeded('Removed', count === 1 ? '1 template' : `${count} templates`);
  return 0;
}

/** `msb warm auto` and `msb warm off`. */
export async function setWarmMode(mode: 'auto' | 'off'): Promise<number> {
  await WarmBoot.setMode(mode);
  succeeded('Set', `warm boot: ${mode}`);
  return 0;
}
