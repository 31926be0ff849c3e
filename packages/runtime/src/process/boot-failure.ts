import { constants } from 'node:os';
import type { BootErrorRecord, BootFailureKind } from '@microsandbox/types';
import { MachineEnded } from '../vmm/machine-ended.ts';
import { NO_SPACE_BYTES } from './assert-room.ts';
import { findingFromConsole } from './boot-failure-console.ts';
import { findingFromEnd } from './boot-failure-end.ts';
import { findingFromError, findingFromSystemError, messageOf } from './boot-failure-error.ts';
import { type Finding, HINTS } from './boot-failure-finding.ts';
import { findingFromMonitor } from './boot-failure-monitor.ts';
import { bootStageOf, errnoInMessage } from './boot-stage.ts';

/** Everything known about a boot that failed. */
export interface BootFailure {
  readonly kind: BootFailureKind;
  readonly record: BootErrorRecord;
  /** Way out, for people. */
  readonly hint: string | null;
}

/** What there is to judge by. */
export interface BootEvidence {
  /** What was thrown, when something was. */
  readonly error?: unknown;
  /** How the machine monitor ended, when it did. */
  readonly exit?: {
    readonly code: number | null;
    readonly signal: string | null;
    readonly stderrTail: string;
  };
  /** Last lines of the guest's console. */
  readonly console: readonly string[];
  /** Milliseconds that were waited for the agent, when it never spoke. */
  readonly waitedMs?: number;
  /** Memory of the guest in MiB. */
  readonly memoryMib?: number | undefined;
  /** Whether the host's kernel ended a process for want of memory meanwhile. */
  readonly hostOutOfMemory?: boolean;
  /** Folder with the sandbox's own disk. */
  readonly sandboxDir?: string;
  /** Bytes that could still be written there. */
  readonly freeBytes?: number | undefined;
}

/**
 * Judges why a machine did not come up: a full disk explains the rest; then the guest's own words, then what the system
 * refused us, then the monitor's words, then how it ended.
 */
export function classifyBootFailure(evidence: BootEvidence, now: Date = new Date()): BootFailure {
  const seen =
    evidence.error instanceof MachineEnded
      ? { ...evidence, error: undefined, exit: evidence.error.exit }
      : evidence;
  const finding =
    findingFromSpace(seen) ??
    findingFromConsole(seen.console, seen) ??
    findingFromSystemError(seen.error) ??
    findingFromMonitor(seen.exit?.stderrTail || messageOf(seen.error), seen.memoryMib) ??
    findingFromError(seen.error) ??
    findingFromEnd(seen);
  return bootFailureOf(finding, now);
}

function findingFromSpace({ freeBytes, sandboxDir }: BootEvidence): Finding | null {
  if (freeBytes === undefined || freeBytes >= NO_SPACE_BYTES) return null;
  const message = `no space left on the disk that holds ${sandboxDir ?? 'the sandbox'}`;
  return { kind: 'diskFull', message, errno: constants.errno.ENOSPC, hint: HINTS.freeDisk };
}

/** The stored and the shown form of a finding. */
export function bootFailureOf(finding: Finding, now: Date = new Date()): BootFailure {
  const { kind, message } = finding;
  return {
    kind,
    hint: finding.hint ?? null,
    record: {
      t: now.toISOString(),
      stage: finding.stage ?? bootStageOf(message),
      errno: finding.errno ?? errnoInMessage(message),
      message,
    },
  };
}
