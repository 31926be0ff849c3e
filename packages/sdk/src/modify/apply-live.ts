import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { resolveSecrets, type SecretChange } from '@microsandbox/network';
import { CustomError, type SandboxConfigRecord } from '@microsandbox/types';
import type { SandboxTarget } from '../lifecycle/sandbox-place.ts';
import type { ModifyOptions, SandboxModificationPlan } from './modification.ts';
import { hasMaterial, secretsOf } from './secret-changes.ts';

/** A sandbox process that is stuck does not hold its caller up. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Hands changes of secrets to the running sandbox, over its control socket. They count for connections that begin from
 * now on.
 *
 * @throws CustomError when the sandbox refuses
 * @throws InvalidConfigError for a source that has no value
 */
export async function applyLive(
  target: SandboxTarget,
  { changes }: SandboxModificationPlan,
  options: ModifyOptions,
  modified: SandboxConfigRecord,
): Promise<void> {
  const names = new Set(
    changes.flatMap((change) =>
      change.kind === 'secret' && change.disposition === 'live' ? [change.name] : [],
    ),
  );
  if (names.size === 0) return;
  const { secrets = {}, secretsRemove = [] } = options;
  const specs = Object.entries(secrets).filter(([name]) => names.has(name));
  const rotated = new Set(specs.filter(([, spec]) => hasMaterial(spec)).map(([name]) => name));
  const material = secretsOf(modified).filter(({ env_var }) => rotated.has(env_var));
  const resolved = resolveSecrets({ secrets: material, on_violation: 'block' }, target.backend.env).secrets;
  await update(target.paths.controlSocket, [
    ...resolved.map(({ env_var, value }) => ({ change: 'rotate', name: env_var, value }) as const),
    ...specs.flatMap(([name, { allowedHosts: hosts }]) =>
      hosts === undefined ? [] : [{ change: 'set_allowed_hosts', name, hosts } as const],
    ),
    ...secretsRemove.filter((name) => names.has(name)).map((name) => ({ change: 'remove', name }) as const),
  ]);
}

async function update(socketPath: string, changes: readonly SecretChange[]): Promise<void> {
  const socket = connect(socketPath);
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
  let answer: { readonly ok?: unknown; readonly error?: unknown };
  try {
    socket.end(`${JSON.stringify({ op: 'secrets_update', changes })}\n`);
    answer = JSON.parse(await text(socket));
  } catch (cause) {
    throw new CustomError(`cannot apply modification: control socket: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (answer.ok !== true) throw new CustomError(`cannot apply modification: ${answer.error}`);
}
