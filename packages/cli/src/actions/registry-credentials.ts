import { Registries } from 'microsandbox';
import type { RegistryLoginOptions } from '../commands/registry.ts';
import { printWarning } from '../errors/notice.ts';
import { paintOut } from '../output/colour.ts';
import { renderTable } from '../output/table.ts';
import { writeOut } from '../output/write.ts';
import { succeeded } from '../progress/action-line.ts';
import { readPassword } from '../prompt/read-password.ts';

/** `msb registry login` (spec: cli 7.8). */
export async function loginToRegistry(registry: string, options: RegistryLoginOptions): Promise<number> {
  const { username = '', passwordStdin = false, store } = options;
  const password = await readPassword(passwordStdin);
  await Registries.login(registry, { username, password, ...(store && { store }) });
  succeeded('Logged in', registry);
  return 0;
}

/** `msb registry logout`. */
export async function logoutFromRegistry(registry: string): Promise<number> {
  if (!(await Registries.logout(registry))) {
    printWarning(`no stored registry credentials found for \`${registry}\``);
    return 0;
  }
  succeeded('Logged out', registry);
  return 0;
}

/** `msb registry list`. */
export async function listRegistries(): Promise<number> {
  const entries = await Registries.list();
  if (entries.length === 0) writeOut('No registries configured.\n');
  const rows = entries.map(({ registry, username, source }) => [registry, username ?? '-', source]);
  writeOut(renderTable(['REGISTRY', 'USERNAME', 'SOURCE'], rows, paintOut));
  return 0;
}
