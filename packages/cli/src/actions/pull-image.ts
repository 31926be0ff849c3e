import { readFile } from 'node:fs/promises';
import { InvalidConfigError } from '@microsandbox/types';
import { Image, type RegistryOptions } from 'microsandbox';
import type { PullOptions } from '../commands/image.ts';
import { paintErr } from '../output/colour.ts';
import { failed, succeeded } from '../progress/action-line.ts';
import { CreateDisplay } from '../progress/create-display.ts';

/** `msb pull` (spec: cli 7.1). */
export async function pullImage(reference: string, options: PullOptions): Promise<number> {
  const started = performance.now();
  const registry = await registryOptions(options);
  let cached: boolean;
  try {
    using display = new CreateDisplay(reference, '', options);
    ({ cached } = await Image.pull(reference, {
      force: options.force ?? false,
      onProgress: display.onPull,
      registry,
    }));
  } catch (error) {
    if (!options.quiet) failed('Pulling', reference);
    throw error;
  }
  if (options.quiet) return 0;
  if (cached) succeeded('Pulled', `${reference}${paintErr('dim', ' (already cached)')}`);
  else succeeded('Pulled', reference, performance.now() - started);
  return 0;
}

async function registryOptions({ insecure, caCerts }: PullOptions): Promise<RegistryOptions> {
  return {
    insecure: insecure ?? false,
    caCerts: caCerts === undefined ? [] : [await readCertificates(caCerts)],
  };
}

async function readCertificates(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InvalidConfigError(`failed to read CA certs from \`${path}\`: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
