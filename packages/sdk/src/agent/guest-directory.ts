import { RuntimeError } from '@microsandbox/types';
import { invalidConfig } from '../config/invalid-config.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { connectAgent } from './connect-agent.ts';

/**
 * Checks that a folder exists in the guest.
 *
 * @throws InvalidConfigError
 */
export async function assertGuestDirectory(place: SandboxPlace, path: string): Promise<void> {
  await using client = await connectAgent(place);
  const answer = await client.request('core.fs.request', {
    op: { kind: 'Stat', path, followSymlink: true },
  });
  if (answer.type !== 'core.fs.response') {
    throw new RuntimeError(`runtime error: agent returned ${answer.type} to a file request`);
  }
  const { ok, data } = answer.payload;
  if (!ok) throw invalidConfig(`workdir does not exist in guest: ${path}`);
  if (data !== null && 'Stat' in data && data.Stat.kind !== 'dir') {
    throw invalidConfig(`workdir is not a directory in guest: ${path}`);
  }
}
