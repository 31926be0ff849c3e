import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from '@microsandbox/utils';
import { type MetricsSlot, parseSlot, REGISTRY, SEQUENCE_OFFSET } from './metrics-slot.ts';
import { registryFile } from './registry-name.ts';

/** Most slots that are looked at, whatever the header says. */
const MAX_SLOTS = 65_536;
/** How often a slot is read again while its writer is at it. */
const MAX_TRIES = 64;

/**
 * All sampled slots of a home's registry; null when there is none, or one of another layout. The memory that
 * sandboxes write to is read as a file; a slot counts only when its sequence number was even and the same
 * before and after.
 */
export async function readRegistry(home: string): Promise<MetricsSlot[] | null> {
  const path = registryFile(home);
  if (path === null) return null;
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const slots = await slotCount(file);
    if (slots === null) return null;
    const all = await readAt(file, REGISTRY.headerBytes, slots * REGISTRY.slotBytes);
    const found: MetricsSlot[] = [];
    for (let index = 0; (index + 1) * REGISTRY.slotBytes <= all.length; index += 1) {
      const bytes = all.subarray(index * REGISTRY.slotBytes, (index + 1) * REGISTRY.slotBytes);
      if (bytes.readUInt32LE(0) === 0) continue;
      const slot = await settledSlot(file, index);
      if (slot !== null) found.push(slot);
    }
    return found;
  } finally {
    await file.close();
  }
}

async function slotCount(file: FileHandle): Promise<number | null> {
  const header = await readAt(file, 0, REGISTRY.headerBytes);
  if (header.length < REGISTRY.headerBytes) return null;
  const fits =
    header.readBigUInt64LE(0) === REGISTRY.magic &&
    header.readUInt32LE(0x08) === REGISTRY.version &&
    header.readUInt32LE(0x0c) === REGISTRY.headerBytes &&
    header.readUInt32LE(0x10) === REGISTRY.slotBytes &&
    header.readUInt32LE(0x18) === REGISTRY.readyState;
  return fits ? Math.min(header.readUInt32LE(0x14), MAX_SLOTS) : null;
}

async function settledSlot(file: FileHandle, index: number): Promise<MetricsSlot | null> {
  const offset = REGISTRY.headerBytes + index * REGISTRY.slotBytes;
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const before = await readAt(file, offset, REGISTRY.slotBytes);
    const after = await readAt(file, offset + SEQUENCE_OFFSET, 8);
    if (before.length < REGISTRY.slotBytes || after.length < 8) return null;
    const sequence = before.readBigUInt64LE(SEQUENCE_OFFSET);
    if (sequence % 2n === 0n && sequence === after.readBigUInt64LE(0)) return parseSlot(before);
  }
  return null;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
