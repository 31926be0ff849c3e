import { InvalidConfigError } from '@microsandbox/types';
import { defaultBackendInfo } from 'microsandbox';
import type { ContextOptions } from '../commands/context.ts';
import { paintOut } from '../output/colour.ts';
import { renderTable } from '../output/table.ts';
import { writeOut } from '../output/write.ts';

/**
 * `msb context` (spec: cli 10.1): the backend that commands use. Never a key. JSON has its keys in the order of the
 * table.
 *
 * @throws InvalidConfigError when environment and settings name a backend that cannot be had
 */
export async function showContext(options: ContextOptions): Promise<number> {
  const { kind, apiUrl, source, profile, problem } = defaultBackendInfo();
  if (problem !== undefined) throw new InvalidConfigError(problem);
  if (options.format === 'json') {
    writeOut(`${JSON.stringify({ kind, api_url: apiUrl, source, profile }, null, 2)}\n`);
    return 0;
  }
  const rows = [
    ['Backend', kind],
    ['API URL', apiUrl],
    ['Source', source],
    ['Profile', profile],
  ].filter((row): row is [string, string] => row[1] !== undefined);
  writeOut(renderTable(['FIELD', 'VALUE'], rows, paintOut));
  return 0;
}
