import { join } from 'node:path';
import type { HostConfig } from '@microsandbox/types';

/** Absolute places of everything below one home (spec: state 2). Nothing here is created. */
export interface HomeLayout {
  readonly home: string;
  readonly configFile: string;
  readonly dbDir: string;
  readonly dbFile: string;
  /** Held while the catalog is opened and migrated; never deleted. */
  readonly migrationLock: string;
  readonly cacheDir: string;
  readonly sandboxesDir: string;
  readonly volumesDir: string;
  readonly snapshotsDir: string;
  readonly secretsDir: string;
  /** Logs of the tools themselves; a sandbox's logs lie in its own folder. */
  readonly logsDir: string;
  readonly runDir: string;
  /** Lifecycle locks, one a sandbox name. */
  readonly locksDir: string;
  readonly binDir: string;
  readonly libDir: string;
  readonly tlsDir: string;
  readonly sshDir: string;
  readonly cpuLeaseDir: string;
  readonly writebackLeaseDir: string;
}

/**
 * Lays out a home. `overrides` are the `paths` of the host configuration; the folders they cannot move (`db`,
 * `run`, `ssh`, `bin`, `lib`, `tls`) always hang off `home`.
 */
export function homeLayout(home: string, overrides: Partial<HostConfig['paths']> = {}): HomeLayout {
  const at = (...parts: string[]): string => join(home, ...parts);
  return {
    home,
    configFile: at('config.json'),
    dbDir: at('db'),
    dbFile: at('db', 'msb.db'),
    migrationLock: at('db', 'msb.db.migration.lock'),
    cacheDir: overrides.cache ?? at('cache'),
    sandboxesDir: overrides.sandboxes ?? at('sandboxes'),
    volumesDir: overrides.volumes ?? at('volumes'),
    snapshotsDir: overrides.snapshots ?? at('snapshots'),
    secretsDir: overrides.secrets ?? at('secrets'),
    logsDir: overrides.logs ?? at('logs'),
    runDir: at('run'),
    locksDir: at('run', 'locks'),
    binDir: at('bin'),
    libDir: at('lib'),
    tlsDir: at('tls'),
    sshDir: at('ssh'),
    cpuLeaseDir: at('run', 'cpu-leases'),
    writebackLeaseDir: at('run', 'writeback-leases'),
  };
}
