import type { SandboxConfigRecord } from '@microsandbox/types';
import { Sandbox } from 'microsandbox';
import type { StatusOptions } from '../commands/status.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { jsonStatus, statusLabel } from '../output/status-label.ts';
import { renderTable } from '../output/table.ts';
import { truncate } from '../output/truncate.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { allSandboxes, type ListedSandbox } from './all-sandboxes.ts';
import { formatMemory } from './format-memory.ts';
import { machineIsUp } from './machine-is-up.ts';
import { imageLabel, storedConfig } from './stored-config.ts';

const HEADER = ['NAME', 'IMAGE', 'COMMAND', 'CPUS', 'MEM', 'STATUS', 'PORTS'];

/** One sandbox, as `msb status` shows it. */
interface StatusRow {
  readonly name: string;
  readonly image: string;
  readonly command: string;
  readonly cpus: number | null;
  readonly max_cpus: number | null;
  readonly memory_mib: number | null;
  readonly max_memory_mib: number | null;
  readonly status: string;
  readonly thp: string | null;
  readonly ports: readonly string[];
}

/** `msb status`: one sandbox by name, or those that run (spec: cli 6.12). */
export async function showStatus(name: string | undefined, options: StatusOptions): Promise<number> {
  const handles = name === undefined ? await selected(options) : [await Sandbox.get(name)];
  const rows = await Promise.all(handles.map(statusRow));
  if (options.format === 'json') {
    const values = rows.map((row) => ({ ...row, status: jsonStatus(row.status) }));
    writeOut(renderJson(name === undefined ? values : values[0]));
  } else if (options.quiet) {
    writeOut(rows.map((row) => `${row.name}\n`).join(''));
  } else if (rows.length === 0) {
    writeErr(options.all ? 'No sandboxes found.\n' : 'No running sandboxes.\n');
  } else {
    writeOut(renderTable(HEADER, rows.map(tableCells), paintOut));
  }
  return 0;
}

async function selected(options: StatusOptions): Promise<ListedSandbox[]> {
  const handles = await allSandboxes(options.label);
  return handles
    .filter((handle) => options.all || machineIsUp(handle))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

async function statusRow(sandbox: ListedSandbox): Promise<StatusRow> {
  const { name, status, configJson, activeConfigJson } = sandbox;
  const config = storedConfig((machineIsUp(sandbox) ? activeConfigJson : null) ?? configJson);
  const resources = config?.resources;
  return {
    name,
    image: imageLabel(config),
    command: commandLabel(config),
    cpus: resources?.cpus ?? null,
    max_cpus: resources?.max_cpus ?? resources?.cpus ?? null,
    memory_mib: resources?.memory_mib ?? null,
    max_memory_mib: resources?.max_memory_mib ?? resources?.memory_mib ?? null,
    status,
    thp: resources === undefined ? null : (resources.thp ?? 'madvise'),
    ports: await portLabels(sandbox, config),
  };
}

function commandLabel(config: SandboxConfigRecord | null): string {
  const argv = [...(config?.runtime?.entrypoint ?? []), ...(config?.runtime?.cmd ?? [])];
  return argv.length === 0 ? '-' : `"${argv.join(' ')}"`;
}

/** The real ports of a sandbox that runs, else those that are stored. */
async function portLabels(sandbox: ListedSandbox, config: SandboxConfigRecord | null): Promise<string[]> {
  const stored: unknown = config?.network?.['ports'];
  if (!Array.isArray(stored) || stored.length === 0) return [];
  const boot = await (await Sandbox.get(sandbox.name)).boot().catch(() => null);
  if (boot !== null) {
    return boot.ports.map(
      ({ hostBind, hostPort, guestPort, protocol }) => `${hostBind}:${hostPort}->${guestPort}/${protocol}`,
    );
  }
  return stored.map((port: Readonly<Record<string, unknown>>) => {
    return `${port['host_bind']}:${port['host_port']}->${port['guest_port']}/${port['protocol']}`;
  });
}

function tableCells(row: StatusRow): string[] {
  const pair = (value: string | null, most: string | null): string =>
    value === null || most === null ? '-' : `${value} / ${most}`;
  return [
    row.name,
    truncate(row.image, 36),
    truncate(row.command, 40),
    pair(row.cpus?.toString() ?? null, row.max_cpus?.toString() ?? null),
    pair(
      row.memory_mib === null ? null : formatMemory(row.memory_mib),
      row.max_memory_mib === null ? null : formatMemory(row.max_memory_mib),
    ),
    statusLabel(row.status, paintOut),
    row.ports.length === 0 ? '-' : truncate(row.ports.join(', '), 32),
  ];
}
