import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BootStartError } from '@microsandbox/types';
import type { LaunchedProcess, SandboxLauncher } from '../src/backend/sandbox-launcher.ts';

const script = fileURLToPath(new URL('fake-sandbox-process.ts', import.meta.url));

/** What a fake launcher does differently. */
export interface FakeLauncherOptions {
  /** Makes every start fail with this message. */
  readonly bootError?: string;
}

const CHOICE = { driver: 'qemu', accelerator: 'tcg', reason: 'a fake' } as const;

/** Starts {@link script} in place of a sandbox process: everything but the machine is real. */
export function fakeLauncher(options: FakeLauncherOptions = {}): SandboxLauncher {
  return {
    async findLibkrunfw() {
      return '/fake/libkrunfw.so';
    },
    async chooseVmm() {
      return CHOICE;
    },
    async start({ launch, name, sandboxId, mode, lifecycleLockFd }): Promise<LaunchedProcess> {
      if (options.bootError !== undefined) {
        const record = {
          t: new Date().toISOString(),
          stage: 'other',
          errno: null,
          message: options.bootError,
        } as const;
        throw new BootStartError(name, record, ['last words']);
      }
      const child = spawn(process.execPath, ['--conditions=@microsandbox/source', script], {
        stdio: ['pipe', 'pipe', 'ignore', mode === 'attached' ? 'pipe' : 'ignore', lifecycleLockFd],
        detached: true,
      });
      const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
        child.once('exit', (code, signal) => resolve({ code, signal })),
      );
      for (const stream of child.stdio) stream?.on('error', () => {});
      child.stdin?.end(JSON.stringify({ launch, name, sandboxId, mode }));
      const ready = once(child.stdout as NodeJS.ReadableStream, 'data');
      const outcome = await Promise.race([ready.then(() => null), exited]);
      if (outcome !== null) throw new Error(`the fake sandbox process ended: ${JSON.stringify(outcome)}`);
      const watch = child.stdio[3] as Writable | null | undefined;
      // Like the real one, it never keeps its starter from ending.
      child.unref();
      for (const stream of child.stdio) (stream as { unref?(): void } | null)?.unref?.();
      return {
        pid: child.pid ?? 0,
        boot: {
          vmm: CHOICE,
          boot: { kind: 'cold', reason: 'a fake' },
          phasesMs: { spawn: 1, vmm: 2, kernel: 3, agent: 4, ready: 5 },
        },
        detach: () => watch?.end(Buffer.of(1)),
        wait: () => {
          child.ref();
          return exited;
        },
      };
    },
  };
}
