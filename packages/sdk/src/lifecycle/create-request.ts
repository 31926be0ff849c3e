import type { PullProgressEvent, VmmWish } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';
import type { BootPhaseListener } from '../boot-info.ts';
import type { RegistryOptions } from '../builders/registry-config-builder.ts';
import type { SandboxDraft } from '../config/sandbox-draft.ts';

/** Everything that creating a sandbox needs to know. */
export interface CreateRequest {
  readonly backend: LocalBackend;
  readonly draft: SandboxDraft;
  /** Lets the sandbox outlive this process. */
  readonly detached: boolean;
  /** Starts the default command with the sandbox; the sandbox ends with it. */
  readonly background: boolean;
  /** What an init of the image runs, where it is found; empty for the image's own command. */
  readonly initialCommand?: readonly string[] | undefined;
  /** Milliseconds that a sandbox of the same name gets to end; undefined refuses a taken name. */
  readonly replaceGraceMs?: number | undefined;
  readonly registry?: RegistryOptions | undefined;
  /** What runs the sandbox this time. */
  readonly wish?: VmmWish | undefined;
  readonly onBootPhase?: BootPhaseListener | undefined;
  readonly onPullProgress?: ((event: PullProgressEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
