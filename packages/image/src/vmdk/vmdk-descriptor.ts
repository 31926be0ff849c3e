/** One flat file of a virtual disk. */
export interface VmdkExtent {
  /** Absolute real path. */
  readonly path: string;
  /** Length of the file; a multiple of 512. */
  readonly bytes: number;
}

/** Text of a VMDK descriptor that joins files into one disk, in order. */
export function vmdkDescriptor(_extents: readonly VmdkExtent[]): string {
  throw new Error('not written yet');
}
