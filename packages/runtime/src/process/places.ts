import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { LaunchConfig } from '@microsandbox/types';
import type { SocketPlaces } from './sockets.ts';

/** Files and folders of one sandbox process, all from its launch configuration. */
export interface ProcessPlaces extends SocketPlaces {
  readonly runtimeDir: string;
  readonly scriptsDir: string;
  readonly sandboxDir: string;
  readonly execLog: string;
  readonly runtimeLog: string;
  readonly kernelLog: string;
  readonly networkLog: string;
  readonly bootErrorFile: string;
  readonly bootRecordFile: string;
  /** What the guest last said about itself, and its name while it is written. */
  readonly heartbeat: { readonly path: string; readonly temporary: string };
}

/** Lays the places out (spec: state 2, runtime A1). */
export function processPlaces(launch: LaunchConfig, name: string): ProcessPlaces {
  const runDir = launch.run_dir || derivedRunDir(launch);
  const legacyHash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  const legacy = join(runDir, 'agent', `${legacyHash}.sock`);
  const controlSocket = join(dirname(launch.agent_sock), controlName(launch.agent_sock));
  const legacyControl = join(runDir, 'agent', `${legacyHash}.control.sock`);
  return {
    agentSocket: launch.agent_sock,
    legacyAgentSocket: legacy === launch.agent_sock ? null : legacy,
    controlSocket,
    legacyControlSocket: legacyControl === controlSocket ? null : legacyControl,
    runtimeDir: launch.runtime_dir,
    scriptsDir: join(launch.runtime_dir, 'scripts'),
    sandboxDir: join(launch.sandboxes_dir, name),
    execLog: join(launch.log_dir, 'exec.log'),
    runtimeLog: join(launch.log_dir, 'runtime.log'),
    kernelLog: join(launch.log_dir, 'kernel.log'),
    networkLog: join(launch.log_dir, 'network.log'),
    bootErrorFile: join(launch.log_dir, 'boot-error.json'),
    bootRecordFile: join(launch.log_dir, 'boot.json'),
    heartbeat: {
      path: join(launch.runtime_dir, 'heartbeat.json'),
      temporary: join(launch.runtime_dir, 'heartbeat.tmp'),
    },
  };
}

/** Beside the agent's: `control.sock`, or `<hash>.control.sock` in the shared folder of older launchers. */
function controlName(agentSocket: string): string {
  const name = basename(agentSocket, '.sock');
  return name === 'agent' ? 'control.sock' : `${name}.control.sock`;
}

/** For launchers that name no run folder. */
function derivedRunDir({ agent_sock, sandboxes_dir }: LaunchConfig): string {
  const folder = dirname(agent_sock);
  return basename(folder) === 'agent' ? dirname(folder) : join(dirname(sandboxes_dir), 'run');
}
