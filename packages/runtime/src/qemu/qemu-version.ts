import { type ExecFileException, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { MicrosandboxError } from '@microsandbox/types';

/** A release of QEMU. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

/** The first release whose `-netdev stream` takes connected sockets, which the network needs. */
export const OLDEST_QEMU: QemuVersion = { major: 7, minor: 2, micro: 0 };

const TIMEOUT_MS = 10_000;

/**
 * Asks a QEMU for its version.
 *
 * @throws MicrosandboxError `vmmNotFound` when the program is no QEMU
 */
export async function queryQemuVersion(path: string): Promise<QemuVersion> {
  const { stdout } = await promisify(execFile)(path, ['--version'], {
    timeout: TIMEOUT_MS,
    env: { LC_ALL: 'C' },
  }).catch((cause: ExecFileException) => {
    throw new MicrosandboxError('vmmNotFound', `cannot run ${path}: ${whyFailed(cause)}`, {
      cause,
      hint: 'set MSB_QEMU_PATH to a working qemu-system-x86_64',
    });
  });
  const version = parseQemuVersion(stdout);
  if (version !== null) return version;
  throw new MicrosandboxError('vmmNotFound', `${path} does not say that it is QEMU`, {
    hint: 'set MSB_QEMU_PATH to a working qemu-system-x86_64',
  });
}

/** One line: what the program said last, or how it ended. */
function whyFailed({ killed, code, signal, stderr, message }: ExecFileException): string {
  if (killed) return `no answer to --version within ${TIMEOUT_MS / 1000} s`;
  if (typeof code === 'string') return message;
  const words = stderr?.trimEnd().split('\n').at(-1);
  return words || (signal ? `it died of ${signal}` : `exit code ${code}`);
}

/** Reads the first line of `--version`; null when it is not QEMU's. */
export function parseQemuVersion(text: string): QemuVersion | null {
  return versionIn(/^QEMU emulator version (\d+)\.(\d+)\.(\d+)/.exec(text));
}

/** Reads what {@link formatQemuVersion} wrote. */
export function readQemuVersion(text: string): QemuVersion | null {
  return versionIn(/^(\d+)\.(\d+)\.(\d+)$/.exec(text));
}

function versionIn(match: RegExpExecArray | null): QemuVersion | null {
  if (match === null) return null;
  return { major: Number(match[1]), minor: Number(match[2]), micro: Number(match[3]) };
}

/** `7.2.22`. */
export function formatQemuVersion(version: QemuVersion): string {
  return `${version.major}.${version.minor}.${version.micro}`;
}

/** Whether `version` is `other` or newer. */
export function isAtLeast(version: QemuVersion, other: QemuVersion): boolean {
  return (version.major - other.major || version.minor - other.minor || version.micro - other.micro) >= 0;
}
