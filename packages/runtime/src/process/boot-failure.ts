import {
  type BootErrorRecord,
  type BootFailureKind,
  type BootStage,
  MicrosandboxError,
} from '@microsandbox/types';
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
}

interface Finding {
  readonly kind: BootFailureKind;
  readonly message: string;
  readonly stage?: BootStage;
  readonly hint?: string;
}

const PULL_AGAIN = 'if the image in the cache is damaged, `msb pull --force` replaces it';
const MORE_MEMORY = 'give the sandbox more memory, or free some on this machine';

/** Judges why a machine did not come up: the guest's own words first, then the monitor's, then how it ended. */
export function classifyBootFailure(evidence: BootEvidence, now: Date = new Date()): BootFailure {
  const finding =
    fromConsole(evidence.console) ??
    fromMonitor(evidence.exit?.stderrTail || messageOf(evidence.error)) ??
    fromError(evidence.error) ??
    fromEnd(evidence);
  return {
    kind: finding.kind,
    hint: finding.hint ?? null,
    record: {
      t: now.toISOString(),
      stage: finding.stage ?? bootStageOf(finding.message),
      errno: errnoInMessage(finding.message),
      message: finding.message,
    },
  };
}

function fromConsole(lines: readonly string[]): Finding | null {
  const text = lines.join('\n');
  if (/deadlocked on memory|Out of memory: Killed process|System is out of memory/i.test(text)) {
    return { kind: 'outOfMemory', message: 'the guest ran out of memory while booting', hint: MORE_MEMORY };
  }
  const agent = lines.findLast((line) => /\bagentd: /.test(line))?.replace(/^.*\bagentd: /, '');
  if (agent !== undefined && /fail|error|timed out|expected/i.test(agent)) {
    const image = /mount|overlay|erofs|ext4|device/i.test(agent);
    return image
      ? {
          kind: 'imageBroken',
          stage: 'mount',
          message: `mount in the guest failed: ${agent}`,
          hint: PULL_AGAIN,
        }
      : { kind: 'other', message: `the guest agent gave up: ${agent}` };
  }
  const panic = /Kernel panic - not syncing: (.*)/.exec(text)?.[1];
  if (panic !== undefined) return { kind: 'kernelPanic', message: `guest kernel panic: ${panic}` };
  return null;
}

const MONITOR_PATTERNS: readonly (readonly [RegExp, Omit<Finding, 'message'>])[] = [
  [
    /kvm.*permission denied/i,
    { kind: 'noPermission', hint: 'add your user to the group kvm, or set MSB_ACCEL=tcg' },
  ],
  [/failed to initialize kvm|could not access kvm/i, { kind: 'noVirtualisation', hint: 'set MSB_ACCEL=tcg' }],
  [/cannot set up guest memory|cannot allocate memory/i, { kind: 'outOfMemory', hint: MORE_MEMORY }],
  [
    /failed to get "?(write|shared "write"|consistent read)"? lock/i,
    { kind: 'imageBroken', stage: 'image', hint: 'another machine has this disk open; stop it first' },
  ],
  [/could not open '.*': permission denied/i, { kind: 'noPermission', stage: 'image' }],
  [/could not open|invalid (vmdk|qcow2)|image is not in/i, { kind: 'imageBroken', stage: 'image' }],
];

/** The first line of the monitor's output that means something to us. */
function fromMonitor(stderr: string): Finding | null {
  for (const line of stderr.split('\n')) {
    const found = MONITOR_PATTERNS.find(([pattern]) => pattern.test(line));
    if (found !== undefined) {
      return { ...found[1], message: `build VM: ${line.replace(/^qemu(-system-\w+)?: /, '').trim()}` };
    }
  }
  return null;
}

function messageOf(error: unknown): string {
  if (error === undefined) return '';
  return error instanceof Error ? error.message : String(error);
}

function fromError(error: unknown): Finding | null {
  if (error === undefined) return null;
  const message = messageOf(error);
  if (!(error instanceof MicrosandboxError)) return { kind: 'other', message };
  const kinds: Partial<Record<typeof error.code, BootFailureKind>> = {
    vmmNotFound: 'vmmMissing',
    libkrunfwNotFound: 'kernelMissing',
    kernelNotFound: 'kernelMissing',
  };
  const finding: Finding = { kind: kinds[error.code] ?? 'other', message };
  return error.hint === undefined ? finding : { ...finding, hint: error.hint };
}

function fromEnd({ exit, waitedMs }: BootEvidence): Finding {
  if (waitedMs !== undefined) {
    const seconds = Math.round(waitedMs / 1000);
    return { kind: 'agentSilent', message: `the guest agent did not answer within ${seconds} s` };
  }
  if (exit?.signal === 'SIGKILL') {
    return { kind: 'killed', message: 'the virtual machine was killed while booting', hint: MORE_MEMORY };
  }
  if (exit?.signal) return { kind: 'other', message: `build VM: the monitor died of ${exit.signal}` };
  if (exit?.code === 0) {
    return { kind: 'other', message: 'the guest ended before its agent was ready' };
  }
  return { kind: 'other', message: `build VM: the monitor ended with exit code ${exit?.code ?? 'unknown'}` };
}
