import { readFile } from 'node:fs/promises';

/** The kernel's name for the time since the host last started; null where there is none. */
export async function bootId(): Promise<string | null> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '');
  return /^[0-9a-f-]{36}$/.exec(text.trim())?.[0] ?? null;
}
