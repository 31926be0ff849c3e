import { type BootFailureKind, MicrosandboxError, type MicrosandboxErrorCode } from '@microsandbox/types';
import { type Finding, HINTS } from './boot-failure-finding.ts';
import { BIND_PREFIX } from './socket-trouble.ts';

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

/** What the system refused us, where that alone tells why a boot failed. */
export function findingFromSystemError(error: unknown): Finding | null {
  const system = systemErrorIn(error);
  const known = system && KIND_OF_SYSTEM_CODE[system.code];
  return known ? { ...known, ...hintOf(error), ...errnoIn(system), message: messageOf(error) } : null;
}

/** What an exception says about a boot that failed. */
export function findingFromError(error: unknown): Finding | null {
  if (error === undefined) return null;
  const message = messageOf(error);
  const errno = errnoIn(systemErrorIn(error));
  if (!(error instanceof MicrosandboxError)) return { kind: 'other', ...errno, message };
  const hint = hintOf(error);
  if (error.code === 'unsupported') {
    const kind = /no permission to open/.test(message) ? 'noPermission' : 'noVirtualisation';
    return { kind, message, ...hint };
  }
  if (message.startsWith('initialize network: ') || message.startsWith(BIND_PREFIX)) {
    return { kind: 'network', message, ...errno, ...hint };
  }
  return { kind: KIND_OF_CODE[error.code] ?? 'other', message, ...hint };
}

/** The way out that an error has itself, which knows more than its code. */
function hintOf(error: unknown): Pick<Finding, 'hint'> {
  return error instanceof MicrosandboxError && error.hint !== undefined ? { hint: error.hint } : {};
}

function errnoIn(system: SystemError | null): Pick<Finding, 'errno'> {
  return system?.errno === undefined ? {} : { errno: Math.abs(system.errno) };
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
