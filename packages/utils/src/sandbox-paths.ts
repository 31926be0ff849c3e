import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { HomeLayout } from './home-layout.ts';

/** Absolute places of one sandbox (spec: state 2, agent protocol 12). Nothing here is created. */
export interface SandboxPaths {
  readonly dir: string;
  readonly logsDir: string;
  /** Shared with the guest as `/.msb`. */
  readonly runtimeDir: string;
  readonly scriptsDir: string;
  /** Certificates for the guest. */
  readonly tlsDir: string;
  /** Managed writable upper disk of a layered root. */
  readonly upperDisk: string;
  /** Private root disk of a flat root. */
  readonly flatDisk: string;
  readonly execLog: string;
  readonly runtimeLog: string;
  readonly kernelLog: string;
  readonly networkLog: string;
  readonly bootErrorFile: string;
  /** How the machine that runs came to life. */
  readonly bootRecordFile: string;
  readonly heartbeatFile: string;
  /** Canonical socket folder, mode 0700. */
  readonly socketDir: string;
  readonly agentSocket: string;
  readonly controlSocket: string;
  /** Links to the canonical sockets, for clients of older releases. */
  readonly legacyAgentSocket: string;
  readonly legacyControlSocket: string;
  /** Last place where clients look for the agent. */
  readonly innerAgentSocket: string;
  /** Held by the sandbox process for its whole life; never deleted. */
  readonly lifecycleLock: string;
}

/** Bytes of the name's SHA-256 in the canonical folder name and in the legacy names. */
const CANONICAL_HASH_BYTES = 12;
const LEGACY_HASH_BYTES = 16;

/** Places of the sandbox `name` in a home. The name is expected to be valid. */
export function sandboxPaths(layout: HomeLayout, name: string): SandboxPaths {
  const hash = createHash('sha256').update(name).digest('hex');
  const legacyHash = hash.slice(0, LEGACY_HASH_BYTES * 2);
  const dir = join(layout.sandboxesDir, name);
  const logsDir = join(dir, 'logs');
  const runtimeDir = join(dir, 'runtime');
  const socketDir = join(layout.runDir, 'sandboxes', hash.slice(0, CANONICAL_HASH_BYTES * 2));
  return {
    dir,
    logsDir,
    runtimeDir,
    scriptsDir: join(runtimeDir, 'scripts'),
    tlsDir: join(runtimeDir, 'tls'),
    upperDisk: join(dir, 'upper.ext4'),
    flatDisk: join(dir, 'rootfs.raw'),
    execLog: join(logsDir, 'exec.log'),
    runtimeLog: join(logsDir, 'runtime.log'),
    kernelLog: join(logsDir, 'kernel.log'),
    networkLog: join(logsDir, 'network.log'),
    bootErrorFile: join(logsDir, 'boot-error.json'),
    bootRecordFile: join(logsDir, 'boot.json'),
    heartbeatFile: join(runtimeDir, 'heartbeat.json'),
    socketDir,
    agentSocket: join(socketDir, 'agent.sock'),
    controlSocket: join(socketDir, 'control.sock'),
    legacyAgentSocket: join(layout.runDir, 'agent', `${legacyHash}.sock`),
    legacyControlSocket: join(layout.runDir, 'agent', `${legacyHash}.control.sock`),
    innerAgentSocket: join(runtimeDir, 'agent.sock'),
    lifecycleLock: join(layout.locksDir, `${legacyHash}.lock`),
  };
}
