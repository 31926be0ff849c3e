import type { Xattrs } from '../tree/nodes.ts';

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
  readonly size: number;
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: Xattrs;
}
