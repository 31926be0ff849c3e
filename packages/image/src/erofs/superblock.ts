import { crc32c } from '../checksum/crc32c.ts';
import {
  BLOCK_BYTES,
  DEVICE_SLOT_BYTES,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_MAGIC,
  SUPERBLOCK_OFFSET,
} from './erofs-format.ts';

/** Checksum present. */
const COMPAT_CHECKSUM = 0x01;
/** Files in chunks; more than one device. */
const INCOMPAT_CHUNKS = 0x04;
const INCOMPAT_DEVICES = 0x08;

const CHECKSUM_SEED = 0xffff_ffff;

/** A further device of an image: where a layer is when all are read as one. */
export interface DeviceSlot {
  readonly blocks: number;
  /** Its first block in the concatenation of all devices. */
  readonly mappedBlock: number;
}

export interface Superblock {
  readonly inodes: number;
  /** Blocks of this image alone. */
  readonly blocks: number;
  /** First block of the metadata area. */
  readonly metadataBlock: number;
  /** Null for an image of one device. */
  readonly devices: readonly DeviceSlot[] | null;
}

/** Blocks before the metadata area: superblock and device table. */
export function headBlocks(devices: number): number {
  return Math.ceil((SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES + devices * DEVICE_SLOT_BYTES) / BLOCK_BYTES);
}

/** The blocks before the metadata area. UUID, volume name and times are zero: equal trees give equal images. */
export function encodeHead(superblock: Superblock): Buffer {
  const { inodes, blocks, metadataBlock, devices } = superblock;
  const head = Buffer.alloc(metadataBlock * BLOCK_BYTES);
  const sb = head.subarray(SUPERBLOCK_OFFSET);
  sb.writeUInt32LE(SUPERBLOCK_MAGIC, 0x00);
  sb.writeUInt32LE(COMPAT_CHECKSUM, 0x08);
  sb[0x0c] = Math.log2(BLOCK_BYTES);
  sb.writeBigUInt64LE(BigInt(inodes), 0x10);
  sb.writeUInt32LE(blocks, 0x24);
  sb.writeUInt32LE(metadataBlock, 0x28);
  if (devices !== null) {
    sb.writeUInt32LE(INCOMPAT_CHUNKS | INCOMPAT_DEVICES, 0x50);
    sb.writeUInt16LE(devices.length, 0x56);
    sb.writeUInt16LE((SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES) / DEVICE_SLOT_BYTES, 0x58);
    devices.forEach((device, index) => {
      const slot = SUPERBLOCK_BYTES + index * DEVICE_SLOT_BYTES;
      sb.writeUInt32LE(device.blocks, slot + 0x40);
      sb.writeUInt32LE(device.mappedBlock, slot + 0x44);
    });
  }
  sb.writeUInt32LE(superblockChecksum(head), 0x04);
  return head;
}

/** Checksum over the rest of block 0, its own field counted as zero. */
export function superblockChecksum(block: Buffer): number {
  const covered = Buffer.from(block.subarray(SUPERBLOCK_OFFSET, BLOCK_BYTES));
  covered.writeUInt32LE(0, 0x04);
  return crc32c(covered, CHECKSUM_SEED);
}
