import { readFile, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { agentdPath } from '@microsandbox/native';
import { formatBytes } from '@microsandbox/utils';
import type { HostCheck } from './host-check.ts';

const MIB = 1024 * 1024;
/** A sandbox writes its logs and its own disk; with less than this no start succeeds. */
const NO_SPACE_BYTES = 16 * MIB;
const LITTLE_SPACE_BYTES = 1024 * MIB;
/** One sandbox of the default size. */
const LITTLE_MEMORY_BYTES = 512 * MIB;
/** A sandbox process with a full set of clients needs some hundred. */
const FEW_FILES = 1024;
/** Linux's own default. */
const FEW_MAPS = 65_530;
/** Clocks of two machines may differ by this much. */
const CLOCK_GRACE_MS = 24 * 60 * 60 * 1000;

/** What the host has left, and its limits. */
export async function resourceChecks(home: string): Promise<HostCheck[]> {
  const checks = await Promise.all([diskSpace(home), memory(), openFiles(), memoryMaps(), clock()]);
  return checks.filter((check) => check !== null);
}

async function diskSpace(home: string): Promise<HostCheck> {
  const name = 'disk space';
  const { bavail, bsize } = await statfs(await nearestFolder(home));
  const free = bavail * bsize;
  const value = `${formatBytes(free)} free for ${home}`;
  if (free >= LITTLE_SPACE_BYTES) return { name, status: 'ok', value };
  const hint =
    'free some: `msb image prune` removes images that no sandbox uses; or move the home (MSB_HOME)';
  return { name, status: free < NO_SPACE_BYTES ? 'problem' : 'warning', value, hint };
}

/** The home itself, or the folder in which it will be made. */
async function nearestFolder(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestFolder(dirname(path));
}

async function memory(): Promise<HostCheck | null> {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(await textOf('/proc/meminfo'))?.[1];
  if (kib === undefined) return null;
  const free = Number(kib) * 1024;
  const value = `${formatBytes(free)} available`;
  if (free >= LITTLE_MEMORY_BYTES) return { name: 'memory', status: 'ok', value };
  return {
    name: 'memory',
    status: 'warning',
    value,
    hint: 'end something, or give sandboxes less (--memory)',
  };
}

async function openFiles(): Promise<HostCheck | null> {
  const limit = /^Max open files\s+(\S+)/m.exec(await textOf('/proc/self/limits'))?.[1];
  if (limit === undefined) return null;
  const value = `${limit} open files a process`;
  if (limit === 'unlimited' || Number(limit) >= FEW_FILES) return { name: 'nofile', status: 'ok', value };
  const hint = `raise it: ulimit -n ${FEW_FILES}, or for good in /etc/security/limits.conf`;
  return { name: 'nofile', status: 'warning', value, hint };
}

async function memoryMaps(): Promise<HostCheck | null> {
  const text = (await textOf('/proc/sys/vm/max_map_count')).trim();
  if (text === '') return null;
  const value = `${text} memory maps a process`;
  if (Number(text) >= FEW_MAPS) return { name: 'max_map_count', status: 'ok', value };
  const hint = `raise it: sudo sysctl vm.max_map_count=${FEW_MAPS}`;
  return { name: 'max_map_count', status: 'warning', value, hint };
}

/** A clock that is behind makes every certificate of a registry invalid. */
async function clock(): Promise<HostCheck> {
  const now = new Date();
  const installed = await stat(agentdPath()).catch(() => null);
  const value = now.toISOString();
  if (installed === null || installed.mtimeMs <= now.getTime() + CLOCK_GRACE_MS) {
    return { name: 'clock', status: 'ok', value };
  }
  const hint = `it is behind the files of this installation (${installed.mtime.toISOString()}): set it, e.g. sudo timedatectl set-ntp true`;
  return { name: 'clock', status: 'warning', value, hint };
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
