import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { VmSpec } from '@microsandbox/types';
import { layoutClass } from './layout-class.ts';

/** Characters of a digest in a key. */
const DIGEST_LENGTH = 16;

/**
 * Name of the template a machine can wake from: everything its saved memory depends on. Kernel and initramfs come
 * from the cache, so their files' names are their digests; QEMU is told by its file's identity, since its machine
 * `microvm` has no versions of its own.
 */
export async function templateKey(
  program: string,
  spec: Pick<
    VmSpec,
    'kernelPath' | 'initramfsPath' | 'commandLine' | 'accelerator' | 'memoryMib' | 'cpus' | 'disks' | 'ports'
  >,
): Promise<string> {
  const qemu = await stat(program, { bigint: true });
  const parts = [
    layoutClass(spec),
    digestOf(spec.kernelPath),
    digestOf(spec.initramfsPath),
    [qemu.ino, qemu.size, qemu.mtimeNs].map((number) => number.toString(36)).join('.'),
    spec.accelerator,
    ...(spec.accelerator === 'tcg' ? [] : [await processorDigest()]),
    `${spec.memoryMib}m`,
    `${spec.cpus}c`,
    parameters(spec.commandLine),
  ];
  return parts.join('-');
}

function digestOf(path: string): string {
  return basename(path).slice(0, DIGEST_LENGTH);
}

/** Kernel parameters with their names' first letters; none of them belongs to one sandbox. */
function parameters(commandLine: readonly string[]): string {
  let hash = 5381;
  for (const character of commandLine.join(' ')) hash = (Math.imul(hash, 33) + character.charCodeAt(0)) >>> 0;
  return hash.toString(36);
}

/** A guest on hardware has seen its processor's features. */
async function processorDigest(): Promise<string> {
  const { createHash } = await import('node:crypto');
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8');
  const lines = cpuinfo.match(/^(model name|microcode|flags|bugs)\s*:.*$/gm) ?? [];
  return createHash('sha256')
    .update([...new Set(lines)].join('\n'))
    .digest('hex')
    .slice(0, DIGEST_LENGTH);
}
