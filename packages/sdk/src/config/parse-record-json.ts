import { JsonError, type SandboxConfigRecord, sandboxConfigSchema } from '@microsandbox/types';

/**
 * Reads a stored configuration.
 *
 * @throws JsonError naming the sandbox
 */
export function parseRecordJson(json: string, name: string): SandboxConfigRecord {
  try {
    return sandboxConfigSchema.parse(JSON.parse(json));
  } catch (error) {
    throw new JsonError(`json error: stored configuration of sandbox '${name}': ${firstLine(error)}`, {
      cause: error,
      hint: `remove the sandbox (msb rm --force ${name}) and create it again`,
    });
  }
}

function firstLine(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'issues' in error) {
    const [issue] = (error as { issues: { path: PropertyKey[]; message: string }[] }).issues;
    if (issue !== undefined) return `${issue.path.map(String).join('.')}: ${issue.message}`;
  }
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
