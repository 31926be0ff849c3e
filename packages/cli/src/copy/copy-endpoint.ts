import { CustomError } from '@microsandbox/types';
import { validateSandboxName } from '@microsandbox/utils';

/** One end of a copy. */
export type CopyEndpoint =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'sandbox'; readonly sandbox: string; readonly path: string }
  /** A tar archive on standard input or output. */
  | { readonly kind: 'archive' };

/** Reads `SANDBOX:/path`, a host path, or `-` (spec: cli 6.16; `-` is our own). */
export function parseCopyEndpoint(text: string): CopyEndpoint {
  if (text === '-') return { kind: 'archive' };
  const colon = text.indexOf(':');
  if (isExplicitPath(text) || colon === -1) return { kind: 'host', path: text };
  const sandbox = text.slice(0, colon);
  const path = text.slice(colon + 1);
  if (!path.startsWith('/')) {
    throw new CustomError(
      `ambiguous copy endpoint \`${text}\`; use SANDBOX:/absolute/path for sandbox paths or prefix local paths with ./`,
    );
  }
  try {
    validateSandboxName(sandbox);
  } catch (error) {
    throw new CustomError(`invalid sandbox endpoint \`${text}\`: ${(error as Error).message}`);
  }
  if (path.includes('\0')) throw new CustomError(`invalid guest path component in ${JSON.stringify(path)}`);
  return { kind: 'sandbox', sandbox, path };
}

/** Paths that say so themselves (spec: cli 3.6). */
function isExplicitPath(text: string): boolean {
  return text === '.' || text === '..' || /^(\/|\.\/|\.\.\/)/.test(text);
}
