import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { InvalidConfigError, type PullProgressEvent } from '@microsandbox/types';
import { Image, type RegistryOptions } from 'microsandbox';
import type { PullOptions } from '../commands/image.ts';
import { paintErr } from '../output/colour.ts';
import { writeOut } from '../output/write.ts';
import { failed, succeeded } from '../progress/action-line.ts';
import { CreateDisplay } from '../progress/create-display.ts';

/** `msb pull` (spec: cli 7.1). */
export async function pullImage(reference: string, options: PullOptions): Promise<number> {
  const started = performance.now();
  const json = options.format === 'json';
  const quiet = options.quiet === true || json;
  const registry = await registryOptions(options);
  let cached: boolean;
  // What a pull runs in this process, the parser of HTTP in WebAssembly among it, is quick enough unoptimized: to optimize
  // it takes 17 MiB, and longer than one pull can get back.
  for (const flag of ['--wasm-tiering-budget=1000000000', '--no-opt', '--no-maglev'])
    setFlagsFromString(flag);
  try {
    using display = new CreateDisplay(reference, '', { quiet });
    ({ cached } = await Image.pull(reference, {
      force: options.force ?? false,
      onProgress: json ? printEvent : display.onPull,
      registry,
      ...(options.materialize && { materialization: options.materialize }),
      ...(options.platform !== undefined && { platform: options.platform }),
    }));
  } catch (error) {
    if (!quiet) failed('Pulling', reference);
    throw error;
  }
  if (quiet) return 0;
  if (cached) succeeded('Pulled', `${reference}${paintErr('dim', ' (already cached)')}`);
  else succeeded('Pulled', reference, performance.now() - started);
  return 0;
}

/** One event of the SDK on a line of its own. */
function printEvent(event: PullProgressEvent): void {
  writeOut(`${JSON.stringify(event)}\n`);
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
