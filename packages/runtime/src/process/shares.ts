import { closeSync } from 'node:fs';
import { addon, type Share } from '@microsandbox/native';
import type { LaunchConfig, VmProcess } from '@microsandbox/types';
import type { RuntimeLog } from './journal/runtime-log.ts';
import { planShares } from './plan-shares.ts';

/** Shared folders of one machine. */
export interface MachineShares {
  /** The guest's default user, whom files of the host belong to from now on. */
  setDefaultOwner(owner: { readonly uid: number; readonly gid: number }): void;
  close(): void;
}

/**
 * Starts to serve every shared folder on its port. What a guest does to end a share goes to the log.
 *
 * @throws RuntimeError `mount: ...` when a folder cannot be shared; none is served then
 */
export function startShares(
  machine: Pick<VmProcess, 'shareSockets'>,
  launch: Pick<LaunchConfig, 'rootfs' | 'mounts' | 'bootstrap'>,
  log: RuntimeLog,
): MachineShares {
  const sockets = new Map(machine.shareSockets);
  const shares: Share[] = [];
  const close = (): void => {
    for (const share of shares) share.close();
  };
  try {
    for (const { port, tag, options } of planShares(launch)) {
      const fd = sockets.get(port);
      if (fd === undefined) throw new RangeError(`the machine has no port ${port}`);
      sockets.delete(port);
      const share = addon().serveShare({ ...options, fd });
      shares.push(share);
      void share.closed.then((reason) => {
        if (reason !== null) log.error(`share ${tag} (${options.path}) ended: ${reason}`);
      });
    }
  } catch (error) {
    close();
    for (const fd of sockets.values()) closeSync(fd);
    throw error;
  }
  return {
    setDefaultOwner: ({ uid, gid }) => {
      for (const share of shares) share.setDefaultOwner(uid, gid);
    },
    close,
  };
}
