import { parseArgs } from 'node:util';
import { InvalidConfigError } from '@microsandbox/types';

/** Who owns a sandbox: it ends with an attached starter, and outlives a detached one. */
export type SandboxMode = 'attached' | 'detached';

/** What stands on a sandbox process's command line; everything else comes by the launch configuration. */
export interface ProcessArguments {
  readonly name: string;
  readonly sandboxId: number;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly mode: SandboxMode;
  readonly cacheDir: string;
  /** Whether to wake from a template. */
  readonly warm: 'auto' | 'off';
  /** Templates to keep when a new one is made. */
  readonly maxTemplates: number;
}

/** Writes the command line that {@link parseProcessArguments} reads. */
export function formatProcessArguments(values: ProcessArguments): string[] {
  return [
    ...['--name', values.name],
    ...['--sandbox-id', String(values.sandboxId)],
    ...['--vcpus', String(values.vcpus)],
    ...['--memory-mib', String(values.memoryMib)],
    ...['--mode', values.mode],
    ...['--cache-dir', values.cacheDir],
    ...['--warm', values.warm],
    ...['--max-templates', String(values.maxTemplates)],
  ];
}

/**
 * Reads a sandbox process's command line.
 *
 * @throws InvalidConfigError
 */
export function parseProcessArguments(argv: readonly string[]): ProcessArguments {
  const option = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      name: option,
      'sandbox-id': option,
      vcpus: option,
      'memory-mib': option,
      mode: option,
      'cache-dir': option,
      warm: option,
      'max-templates': option,
    },
  });
  const { mode, warm } = values;
  if (mode !== 'attached' && mode !== 'detached') throw invalid('mode', mode);
  if (warm !== 'auto' && warm !== 'off') throw invalid('warm', warm);
  return {
    name: required('name', values.name),
    sandboxId: positive('sandbox-id', values['sandbox-id']),
    vcpus: positive('vcpus', values.vcpus),
    memoryMib: positive('memory-mib', values['memory-mib']),
    mode,
    cacheDir: required('cache-dir', values['cache-dir']),
    warm,
    maxTemplates: positive('max-templates', values['max-templates']),
  };
}

function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw invalid(name, value);
  return value;
}

function positive(name: string, value: string | undefined): number {
  const number = Number(required(name, value));
  if (!Number.isSafeInteger(number) || number < 1) throw invalid(name, value);
  return number;
}

function invalid(name: string, value: string | undefined): InvalidConfigError {
  return new InvalidConfigError(`invalid --${name}: ${value ?? 'missing'}`);
}
