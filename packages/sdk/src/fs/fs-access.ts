import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { FsConnection } from './fs-connection.ts';

/** A connection on loan. */
export interface FsLease {
  readonly connection: FsConnection;
  /** Gives it back; nothing of it may be used afterwards. */
  release(): Promise<void>;
}

/** Where file operations get their connection from. */
export type FsAccess = () => Promise<FsLease>;

/** A connection for every operation, so that none waits for another. */
export function freshConnections(place: SandboxPlace): FsAccess {
  return async () => {
    const connection = await FsConnection.open(place);
    return { connection, release: () => connection.close() };
  };
}

/** The same connection every time; its owner closes it. */
export function sharedConnection(connection: FsConnection): FsAccess {
  return async () => ({ connection, release: async () => {} });
}
