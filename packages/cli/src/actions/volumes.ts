import { CustomError } from '@microsandbox/types';
import { parseSizeMib } from '@microsandbox/utils';
import { Volume, type VolumeHandle } from 'microsandbox';
import type { VolumeCreateOptions, VolumeListOptions, VolumeRemoveOptions } from '../commands/volume.ts';
import { renderError } from '../errors/render-error.ts';
import { paintOut } from '../output/colour.ts';
import { DetailView } from '../output/detail-view.ts';
import { renderJson } from '../output/json.ts';
import { renderTable } from '../output/table.ts';
import { jsonTimestamp, localTimestamp } from '../output/timestamp.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { withSpinner } from '../progress/spinner.ts';
import { parseLabel } from '../values/key-value.ts';
import { formatMemory } from './format-memory.ts';

const MIB = 1024 * 1024;

/** `msb volume create` (spec: cli 8.1): makes a volume and prints its name. */
export async function createVolume(
  positional: string | undefined,
  options: VolumeCreateOptions,
): Promise<number> {
  const name = nameOf(positional, options.name);
  const builder = Volume.builder(name);
  if (options.kind === 'disk') {
    if (options.size === undefined) throw new CustomError('--size is required with --kind disk');
    builder.disk().size(parseSizeMib(options.size));
  } else if (options.size !== undefined) {
    throw new CustomError('--size is only supported with --kind disk; a folder takes --quota');
  }
  if (options.quota !== undefined) builder.quota(parseSizeMib(options.quota));
  for (const text of options.label ?? []) builder.label(...parseLabel(text));
  await builder.create();
  if (!options.quiet) writeOut(`${name}\n`);
  return 0;
}

function nameOf(positional: string | undefined, option: string | undefined): string {
  if (positional !== undefined && option !== undefined && positional !== option) {
    throw new CustomError(`volume name specified twice with different values: ${positional} and ${option}`);
  }
  const name = positional ?? option;
  if (name === undefined) throw new CustomError('volume create requires a name');
  return name;
}

/** `msb volume list`. */
export async function listVolumes(options: VolumeListOptions): Promise<number> {
  const volumes = await Volume.list();
  if (options.format === 'json') {
    writeOut(renderJson(volumes.map(volumeJson)));
  } else if (options.quiet) {
    writeOut(volumes.map(({ name }) => `${name}\n`).join(''));
  } else if (volumes.length === 0) {
    writeErr('No volumes found.\n');
  } else {
    const rows = volumes.map((volume) => [
      volume.name,
      volume.kind,
      sizeOf(volume) ?? '-',
      localTimestamp(volume.createdAt),
    ]);
    writeOut(renderTable(['NAME', 'KIND', 'SIZE', 'CREATED'], rows, paintOut));
  }
  return 0;
}

/** `msb volume inspect`. */
export async function inspectVolume(name: string): Promise<number> {
  const volume = await Volume.get(name);
  const view = new DetailView(paintOut).row('Name', volume.name).row('Kind', volume.kind);
  if (volume.kind === 'disk') {
    view
      .row('Format', volume.diskFormat ?? '-')
      .row('Filesystem', volume.diskFstype ?? '-')
      .row('Capacity', sizeOf(volume) ?? '-');
  } else {
    view.row('Quota', sizeOf(volume) ?? 'unlimited');
  }
  view
    .row('Path', volume.path)
    .row('Created', localTimestamp(volume.createdAt))
    .row('Labels', volume.labels.map(([key, value]) => `${key}=${value}`).join(', ') || '-');
  writeOut(view.toString());
  return 0;
}

/** `msb volume remove`: one after the other; exit code 1 when one could not be removed. */
export async function removeVolumes(names: readonly string[], options: VolumeRemoveOptions): Promise<number> {
  let failures = 0;
  for (const name of new Set(names)) {
    try {
      await withSpinner('Removing', 'Removed', name, options, () => Volume.remove(name));
    } catch (error) {
      failures += 1;
      renderError(error);
    }
  }
  return failures === 0 ? 0 : 1;
}

/** What a folder may hold, or a disk does. */
function sizeOf({ kind, quotaMib, capacityBytes }: VolumeHandle): string | null {
  if (kind === 'disk') return capacityBytes === null ? null : formatMemory(Math.floor(capacityBytes / MIB));
  return quotaMib === null ? null : formatMemory(quotaMib);
}

function volumeJson(volume: VolumeHandle): Readonly<Record<string, unknown>> {
  return {
    name: volume.name,
    kind: volume.kind,
    quota_mib: volume.quotaMib,
    used_bytes: volume.usedBytes,
    capacity_bytes: volume.capacityBytes,
    disk_format: volume.diskFormat,
    disk_fstype: volume.diskFstype,
    created_at: jsonTimestamp(volume.createdAt),
  };
}
