import type { Xattrs } from '../tree/nodes.ts';
import type { SparseFile } from './sparse/sparse-map.ts';

/** One member of an archive: its header with everything that extension headers said about it. */
export interface TarMember {
  /** As stored, latin1. */
  readonly path: string;
  readonly linkPath: string;
  /** Type flag as a character. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of body that the archive stores. */
  readonly size: number;
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: Xattrs;
  /** Set when the body is a regular file's without its holes. */
  readonly sparse: SparseFile | null;
}
