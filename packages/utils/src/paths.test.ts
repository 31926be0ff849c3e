import { describe, expect, it } from 'vitest';
import { homeLayout } from './home-layout.ts';
import { resolveHome } from './resolve-home.ts';
import { sandboxPaths } from './sandbox-paths.ts';
import { assertSocketPathsFit, SOCKET_PATH_CAPACITY } from './socket-path-limit.ts';

describe('resolveHome', () => {
  it('takes MSB_HOME verbatim, even when empty', () => {
    expect(resolveHome({ MSB_HOME: '/data/x', HOME: '/home/u' })).toBe('/data/x');
    expect(resolveHome({ MSB_HOME: '', HOME: '/home/u' })).toBe('');
  });

  it('falls back to the user home', () => {
    expect(resolveHome({ HOME: '/home/u' })).toBe('/home/u/.microsandbox');
  });
});

describe('homeLayout', () => {
  it('moves only the folders that the configuration may move', () => {
    const layout = homeLayout('/h', { cache: '/big/cache', sandboxes: '/big/sandboxes', libkrunfw: '/x' });
    expect(layout).toMatchObject({
      cacheDir: '/big/cache',
      sandboxesDir: '/big/sandboxes',
      volumesDir: '/h/volumes',
      dbFile: '/h/db/msb.db',
      migrationLock: '/h/db/msb.db.migration.lock',
      locksDir: '/h/run/locks',
      cpuLeaseDir: '/h/run/cpu-leases',
    });
  });
});

describe('sandboxPaths', () => {
  const paths = sandboxPaths(homeLayout('/h'), 'worker');

  it('derives the names that the protocol documents', () => {
    expect(paths.agentSocket).toBe('/h/run/sandboxes/87eba76e7f3164534045ba92/agent.sock');
    expect(paths.legacyAgentSocket).toBe('/h/run/agent/87eba76e7f3164534045ba922e7770fb.sock');
    expect(paths.legacyControlSocket).toBe('/h/run/agent/87eba76e7f3164534045ba922e7770fb.control.sock');
    expect(paths.lifecycleLock).toBe('/h/run/locks/87eba76e7f3164534045ba922e7770fb.lock');
    expect(sandboxPaths(homeLayout('/h'), '工作').socketDir).toBe(
      '/h/run/sandboxes/bc62d1b6b936c78dbbd0bbe5',
    );
    expect(sandboxPaths(homeLayout('/h'), 'demo').socketDir).toBe(
      '/h/run/sandboxes/2a97516c354b68848cdbd8f5',
    );
  });

  it('keeps logs and disks in the sandbox folder', () => {
    expect(paths.execLog).toBe('/h/sandboxes/worker/logs/exec.log');
    expect(paths.upperDisk).toBe('/h/sandboxes/worker/upper.ext4');
    expect(paths.heartbeatFile).toBe('/h/sandboxes/worker/runtime/heartbeat.json');
  });
});

describe('assertSocketPathsFit', () => {
  /** A home for which control.sock has exactly `length` bytes. */
  const withLength = (length: number) => {
    const rest = '/run/sandboxes/87eba76e7f3164534045ba92/control.sock'.length;
    return sandboxPaths(homeLayout(`/${'h'.repeat(length - rest - 1)}`), 'worker');
  };

  it('accepts one byte below the capacity', () => {
    expect(() => assertSocketPathsFit(withLength(SOCKET_PATH_CAPACITY - 1))).not.toThrow();
  });

  it('refuses the capacity itself, naming length and limit', () => {
    expect(() => assertSocketPathsFit(withLength(SOCKET_PATH_CAPACITY))).toThrow(
      `is ${SOCKET_PATH_CAPACITY} bytes, but Unix socket paths on this platform must be shorter than ` +
        `${SOCKET_PATH_CAPACITY} bytes; set MSB_HOME to a shorter directory`,
    );
  });
});
