import { parseArgs } from 'node:util';
import { InvalidConfigError, type VmmChoice } from '@microsandbox/types';

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
  /** What runs the machine; its starter has decided. */
  readonly choice: VmmChoice;
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
    ...['--vmm', values.choice.driver],
    ...['--accel', values.choice.accelerator],
    ...['--why', values.choice.reason],
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
      vmm: option,
      accel: option,
      why: option,
      warm: option,
      'max-templates': option,
    },
  });
  const { mode, warm, vmm: driver, accel: accelerator, why: reason = '' } = values;
  if (mode !== 'attached' && mode !== 'detached') throw invalid('mode', mode);
  if (warm !== 'auto' && warm !== 'off') throw invalid('warm', warm);
  if (driver !== 'krun' && driver !== 'qemu') throw invalid('vmm', driver);
  if (accelerator !== 'kvm' && accelerator !== 'hvf' && accelerator !== 'tcg') {
    throw invalid('accel', accelerator);
  }
  return {
    name: required('name', values.name),
    sandboxId: positive('sandbox-id', values['sandbox-id']),
    vcpus: positive('vcpus', values.vcpus),
    memoryMib: positive('memory-mib', values['memory-mib']),
    mode,
    cacheDir: required('cache-dir', values['cache-dir']),
    choice: { driver, accelerator, reason },
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
