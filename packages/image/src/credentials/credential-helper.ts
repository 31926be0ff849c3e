import { spawn } from 'node:child_process';
import type { RegistryCredentials } from '../registry/credentials.ts';

/** Helpers may ask the user to unlock something, but not for ever. */
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 256 * 1024;
/** Stands where a user name would, when the secret is a token of another kind. */
const TOKEN_USER = '<token>';
const NAME = /^[A-Za-z0-9_.-]+$/;

export interface CredentialHelperRequest {
  /** What follows `docker-credential-` in the program's name. */
  readonly helper: string;
  /** Server as the helper knows it. */
  readonly server: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks one of Docker's credential helpers; null when it knows nothing, fails, or knows only an identity token.
 * Source: github.com/docker/docker-credential-helpers, protocol.
 */
export async function askCredentialHelper(
  request: CredentialHelperRequest,
): Promise<RegistryCredentials | null> {
  if (!NAME.test(request.helper)) return null;
  const output = await runHelper(request);
  request.signal?.throwIfAborted();
  if (output === null) return null;
  try {
    const { Username, Secret } = JSON.parse(output) as Record<string, unknown>;
    if (typeof Username !== 'string' || typeof Secret !== 'string' || Username === TOKEN_USER) return null;
    return { username: Username, password: Secret };
  } catch {
    return null;
  }
}

/** Standard output of the helper, or null when it does not end well. */
function runHelper({ helper, server, env, signal }: CredentialHelperRequest): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(`docker-credential-${helper}`, ['get'], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) child.kill('SIGKILL');
      else chunks.push(chunk);
    });
    child.once('error', () => resolve(null));
    child.once('close', (code) => resolve(code === 0 ? Buffer.concat(chunks).toString('utf8') : null));
    // A helper that ends without reading its input is no failure of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(server);
  });
}
