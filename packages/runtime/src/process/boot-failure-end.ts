import type { BootEvidence } from './boot-failure.ts';
import { type Finding, HINTS, SMALLEST_GUEST_MIB } from './boot-failure-finding.ts';
import { withoutPrefix } from './boot-failure-monitor.ts';

/** What is left to say when nobody said why: how the machine ended, or that it did not. */
export function findingFromEnd(evidence: BootEvidence): Finding {
  const { exit, waitedMs, memoryMib, console } = evidence;
  const tooSmall = memoryMib !== undefined && memoryMib < SMALLEST_GUEST_MIB;
  if (tooSmall && (waitedMs !== undefined || exit?.code === 0)) {
    return {
      kind: 'outOfMemory',
      message: `${memoryMib} MiB of memory are too little for the guest to boot`,
      hint: `${HINTS.moreMemory}, at least ${SMALLEST_GUEST_MIB}M`,
    };
  }
  if (waitedMs !== undefined) {
    return {
      kind: 'agentSilent',
      message: `the guest agent did not answer within ${Math.round(waitedMs / 1000)} s`,
      hint: HINTS.longer,
    };
  }
  if (exit?.signal === 'SIGKILL' && evidence.hostOutOfMemory) {
    const guest = memoryMib === undefined ? '' : ` with a guest of ${memoryMib} MiB`;
    return {
      kind: 'outOfMemory',
      message: `build VM: this machine, or the control group of the sandbox, ran out of memory${guest}: the kernel killed the virtual machine while it booted (SIGKILL)`,
      hint: HINTS.lessMemory,
    };
  }
  if (exit?.signal === 'SIGKILL') {
    return {
      kind: 'killed',
      message: 'the virtual machine was killed while booting (SIGKILL)',
      hint: HINTS.freeHostMemory,
    };
  }
  if (exit?.signal) {
    return {
      kind: 'other',
      message: `build VM: the monitor died of ${exit.signal}${lastWords(exit.stderrTail)}`,
    };
  }
  if (exit?.code === 0 && console.length === 0) {
    return {
      kind: 'kernelBroken',
      message: 'the guest ended without a word: its kernel or its agent is damaged',
      hint: HINTS.renewBoth,
    };
  }
  if (exit?.code === 0) return { kind: 'other', message: 'the guest ended before its agent was ready' };
  const code = exit?.code ?? 'unknown';
  return {
    kind: 'other',
    message: `build VM: the monitor ended with exit code ${code}${lastWords(exit?.stderrTail ?? '')}`,
  };
}

function lastWords(output: string): string {
  const line = withoutPrefix(output.trimEnd().split('\n').at(-1) ?? '');
  return line === '' ? '' : `: ${line}`;
}
