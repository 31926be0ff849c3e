import { type BootFailureKind, MicrosandboxError, type MicrosandboxErrorCode } from '@microsandbox/types';
import { type Finding, HINTS } from './boot-failure-finding.ts';

const KIND_OF_CODE: Partial<Record<MicrosandboxErrorCode, BootFailureKind>> = {
  vmmNotFound: 'vmmMissing',
  libkrunfwNotFound: 'kernelMissing',
  kernelNotFound: 'kernelBroken',
  noSpace: 'diskFull',
  protocol: 'agentVersion',
};

/** By the code of a system's or SQLite's error. */
const KIND_OF_SYSTEM_CODE: Readonly<Record<string, Pick<Finding, 'kind' | 'hint'>>> = {
  ENOSPC: { kind: 'diskFull', hint: HINTS.freeDisk },
  EDQUOT: { kind: 'diskFull', hint: HINTS.freeDisk },
  SQLITE_FULL: { kind: 'diskFull', hint: HINTS.freeDisk },
  ENOMEM: { kind: 'outOfMemory', hint: HINTS.freeHostMemory },
  EACCES: { kind: 'noPermission', hint: 'the folders of the microsandbox home must belong to your user' },
  EPERM: { kind: 'noPermission', hint: 'the folders of the microsandbox home must belong to your user' },
  EADDRINUSE: { kind: 'network', hint: 'end the process that uses it, or choose another port' },
  ENAMETOOLONG: { kind: 'network', hint: 'set MSB_HOME to a shorter path' },
};

/** What an exception says about a boot that failed. */
export function findingFromError(error: unknown): Finding | null {
  if (error === undefined) return null;
  const message = messageOf(error);
  const system = systemErrorIn(error);
  const known = system && KIND_OF_SYSTEM_CODE[system.code];
  const errno = system?.errno === undefined ? {} : { errno: Math.abs(system.errno) };
  if (known) return { ...known, ...errno, message };
  if (!(error instanceof MicrosandboxError)) return { kind: 'other', ...errno, message };
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  if (error.code === 'unsupported') {
    const kind = /no permission to open/.test(message) ? 'noPermission' : 'noVirtualisation';
    return { kind, message, ...hint };
  }
  if (message.startsWith('initialize network: ')) return { kind: 'network', message, ...hint };
  return { kind: KIND_OF_CODE[error.code] ?? 'other', message, ...hint };
}

interface SystemError {
  readonly code: string;
  readonly errno?: number;
}

/** The first error with a code of the system's in a chain of causes. */
function systemErrorIn(error: unknown): SystemError | null {
  let at = error;
  for (let depth = 0; depth < 5 && at instanceof Error; depth++, at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && /^(E[A-Z0-9]+|SQLITE_[A-Z_]+)$/.test(code))
      return at as unknown as SystemError;
  }
  return null;
}

export function messageOf(error: unknown): string {
  if (error === undefined) return '';
  return error instanceof Error ? error.message : String(error);
}
