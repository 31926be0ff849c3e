import type { SandboxConfigRecord } from '@microsandbox/types';

/**
 * Reads a stored configuration: missing keys take their defaults, unknown keys are kept. The schemas are loaded
 * when the first one is read.
 *
 * @throws JsonError naming the sandbox
 */
export async function parseRecord(json: string, name: string): Promise<SandboxConfigRecord> {
  const { parseRecordJson } = await import('./parse-record-json.ts');
  return parseRecordJson(json, name);
}
