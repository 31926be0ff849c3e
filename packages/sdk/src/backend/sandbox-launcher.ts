import type { BootPort, HostConfig, LaunchConfig, VmmChoice, VmmWish } from '@microsandbox/types';
import type { HomeLayout } from '@microsandbox/utils';
import type { BootPhaseListener } from '../boot-info.ts';

/** Whose end ends the sandbox: `attached` to this process, or its own only. */
export type LaunchMode = 'attached' | 'detached';

/** What a launcher needs to start one sandbox process. */
export interface LaunchRequest {
  readonly launch: LaunchConfig;
  readonly name: string;
  readonly sandboxId: number;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly mode: LaunchMode;
  /** Descriptor of the held lifecycle lock, which the process inherits. */
  readonly lifecycleLockFd: number;
  readonly layout: HomeLayout;
  readonly config: HostConfig;
  readonly env: NodeJS.ProcessEnv;
  /** Monitor and accelerator of this start; goes before environment and configuration. */
  readonly wish?: VmmWish | undefined;
  /** What {@link SandboxLauncher.chooseVmm} answered; chosen at the start where absent. */
  readonly choice?: VmmChoice | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPhase?: BootPhaseListener | undefined;
}

/** A sandbox process whose agent takes commands. */
export interface LaunchedProcess {
  readonly pid: number;
  readonly boot: {
    readonly vmm: VmmChoice;
    /** Woken from a template, or booted, and then why. */
    readonly boot: { readonly kind: 'warm' } | { readonly kind: 'cold'; readonly reason: string };
    /** Ports of the host that lead into the guest; absent where the launcher does not know. */
    readonly ports?: readonly BootPort[];
    readonly phasesMs: Readonly<Record<string, number>>;
  };
  /** Lets the process outlive this one. */
  detach(): void;
  /** Waits for the end of the process. */
  wait(): Promise<ProcessExit>;
}

/** How a sandbox process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Starts sandbox processes. Replaceable, so that the lifecycle can be tried without a virtual machine. */
export interface SandboxLauncher {
  /**
   * Finds the guest kernel's library.
   *
   * @throws LibkrunfwNotFoundError
   */
  findLibkrunfw(options: {
    readonly layout: HomeLayout;
    readonly config: HostConfig;
    readonly env: NodeJS.ProcessEnv;
  }): Promise<string>;

  /**
   * Decides what is to run a machine, so that a wish that cannot be had is refused before anything is made.
   *
   * @throws InvalidConfigError for a wish that is none
   * @throws MicrosandboxError `unsupported` for one that cannot be had here, `vmmNotFound` without a usable monitor
   */
  chooseVmm(options: {
    readonly layout: HomeLayout;
    readonly config: HostConfig;
    readonly env: NodeJS.ProcessEnv;
    readonly wish?: VmmWish | undefined;
  }): Promise<VmmChoice>;

  /**
   * Starts a sandbox process; resolves when its agent takes commands.
   *
   * @throws BootStartError
   */
  start(request: LaunchRequest): Promise<LaunchedProcess>;
}
