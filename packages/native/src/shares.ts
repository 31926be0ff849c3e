/** A folder, or one file of it, to serve to a guest (spec: runtime A12). */
export interface ShareOptions {
  /** Connected stream socket that carries FUSE requests; it belongs to the share from the call on. */
  readonly fd: number;
  /** Absolute path of the folder. */
  readonly path: string;
  /** The only name in the folder that exists for the guest. */
  readonly file?: string;
  readonly readOnly: boolean;
  /** How owner, mode and type of files appear in the guest. */
  readonly statVirt: 'strict' | 'relaxed' | 'off';
  /** Whether files on the host are for their owner only, or have the guest's modes. */
  readonly hostPerms: 'private' | 'mirror';
  /** Bytes by which the share may grow. */
  readonly quotaBytes?: number;
  /** Whether `path` may lead through symbolic links. */
  readonly followRootSymlinks?: boolean;
  /** The guest may keep writes back; only for folders that nobody else changes. */
  readonly writeback?: boolean;
}

/** A share that is being served, by threads of its own. */
export interface Share {
  /** Resolves when it ended: null when the connection just closed, else the reason. Never rejects. */
  readonly closed: Promise<string | null>;
  /** Ends it. A second call does nothing. */
  close(): void;
  /** Says which user of the guest the host's own files belong to; 0:0 until then. */
  setDefaultOwner(uid: number, gid: number): void;
}

/** The addon's part for shared folders. */
export interface ShareAddon {
  /**
   * Starts to serve a folder.
   *
   * @throws RuntimeError when the folder cannot be shared as asked
   */
  serveShare(options: ShareOptions): Share;
}
