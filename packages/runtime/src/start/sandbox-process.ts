import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { DETACH_BYTE } from '../process/descriptors.ts';
import type { BootReport } from '../process/status-message.ts';

/** How a sandbox process ended. */
export interface SandboxProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A sandbox process that this program started. It never keeps this program from ending. */
export class SandboxProcess {
  readonly pid: number;
  readonly boot: BootReport;
  /** Settles when the process is gone. Never rejects, and by itself does not keep this program from ending. */
  readonly exited: Promise<SandboxProcessExit>;
  readonly #child: ChildProcess;
  readonly #watch: Writable | null;

  /** @param watch our end of the parent watch; null when the sandbox is detached */
  constructor(child: ChildProcess, boot: BootReport, watch: Writable | null) {
    this.pid = child.pid as number;
    this.boot = boot;
    this.#child = child;
    this.#watch = watch;
    this.exited = new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) {
        resolve({ code: child.exitCode, signal: child.signalCode });
      } else {
        child.once('exit', (code, signal) => resolve({ code, signal }));
      }
    });
    child.unref();
    for (const stream of child.stdio) (stream as { unref?(): void } | null)?.unref?.();
  }

  /** Waits for the end of the process; this program goes on meanwhile. */
  async wait(): Promise<SandboxProcessExit> {
    this.#child.ref();
    return await this.exited;
  }

  /** Lets the sandbox outlive this program. Does nothing when it does already. */
  detach(): void {
    this.#watch?.end(Buffer.of(DETACH_BYTE));
  }

  /** Shows the sandbox that its owner is gone: it shuts its guest down and ends. */
  abandon(): void {
    this.#watch?.destroy();
  }
}
