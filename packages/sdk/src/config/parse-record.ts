import { JsonError, type SandboxConfigRecord } from '@microsandbox/types';

/**
 * Reads a stored configuration: missing keys take their defaults, unknown keys are kept.
 *
 * @throws JsonError naming the sandbox
 */
export async function parseRecord(json: string, name: string): Promise<SandboxConfigRecord> {
  const { sandboxConfigSchema } = await import('@microsandbox/types');
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
