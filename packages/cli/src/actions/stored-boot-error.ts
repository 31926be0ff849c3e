import { readFile } from 'node:fs/promises';
import { type BootErrorRecord, bootErrorRecordSchema } from '@microsandbox/types';
import { sandboxPaths } from '@microsandbox/utils';
import { LocalBackend } from 'microsandbox';

/** Why a sandbox's last boot failed, or null when it did not; the text is the record as it is stored. */
export async function storedBootError(
  name: string,
): Promise<{ readonly record: BootErrorRecord; readonly text: string } | null> {
  const { bootErrorFile } = sandboxPaths(await new LocalBackend().layout(), name);
  try {
    const text = await readFile(bootErrorFile, 'utf8');
    return { record: bootErrorRecordSchema.parse(JSON.parse(text)), text: text.trim() };
  } catch {
    // Missing or half written: there is nothing to show.
    return null;
  }
}
