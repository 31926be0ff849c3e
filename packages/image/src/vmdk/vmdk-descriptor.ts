import { ImageError } from '@microsandbox/types';

/** One flat file of a virtual disk. */
export interface VmdkExtent {
  /** Absolute real path; text, since the descriptor's readers take it as UTF-8. */
  readonly path: string;
  /** Length of the file; a multiple of 512. */
  readonly bytes: number;
}

const SECTOR_BYTES = 512;

/** Largest extent of the "2 GB" disk types. */
const MAX_EXTENT_SECTORS = 4_194_304;

const HEADS = 16;
const SECTORS_PER_TRACK = 63;

/** Quotes end a path, and there is no way to write one inside. */
const UNWRITABLE = /["\p{Cc}]/u;

/**
 * Text of a VMDK descriptor (VMware Virtual Disk Format 1.1) that joins files into one disk, in order. Only the
 * path ties it to the files: it is void when they move.
 *
 * @throws {ImageError} when a file's length is not whole sectors, or its path can't be written.
 */
export function vmdkDescriptor(extents: readonly VmdkExtent[]): string {
  const sectors = extents.reduce((sum, extent) => sum + extent.bytes / SECTOR_BYTES, 0);
  const lines = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=fffffffe',
    'parentCID=ffffffff',
    'createType="twoGbMaxExtentFlat"',
    '',
    '# Extent description',
    ...extents.flatMap(extentLines),
    '',
    '# The Disk Data Base',
    '#DDB',
    'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${Math.ceil(sectors / (HEADS * SECTORS_PER_TRACK))}"`,
    `ddb.geometry.heads = "${HEADS}"`,
    `ddb.geometry.sectors = "${SECTORS_PER_TRACK}"`,
    'ddb.adapterType = "ide"',
  ];
  return `${lines.join('\n')}\n`;
}

/** Larger files take several lines, whose offsets count sectors. */
function extentLines({ path, bytes }: VmdkExtent): string[] {
  if (bytes % SECTOR_BYTES !== 0) {
    throw new ImageError(`extent ${path} size (${bytes}) is not 512-byte aligned`);
  }
  if (UNWRITABLE.test(path)) {
    throw new ImageError(`cannot write the path ${JSON.stringify(path)} into a VMDK descriptor`, {
      hint: 'set MSB_HOME to a folder without quotes and control characters in its path',
    });
  }
  const sectors = bytes / SECTOR_BYTES;
  const lines: string[] = [];
  for (let offset = 0; offset < sectors; offset += MAX_EXTENT_SECTORS) {
    lines.push(`RW ${Math.min(sectors - offset, MAX_EXTENT_SECTORS)} FLAT "${path}" ${offset}`);
  }
  return lines;
}
