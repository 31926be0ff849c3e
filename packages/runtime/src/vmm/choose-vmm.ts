import {
  type Accelerator,
  type HostConfig,
  InvalidConfigError,
  MicrosandboxError,
  type VmmChoice,
} from '@microsandbox/types';
import { type AcceleratorProbe, probeAccelerators } from './accelerators.ts';

const ACCELERATORS: readonly Accelerator[] = ['kvm', 'hvf', 'tcg'];

/** A wish and where it was expressed, for messages. */
export interface Wish {
  readonly value: string;
  readonly from: string;
}

/**
 * Decides which driver and accelerator run a sandbox: `MSB_VMM` and `MSB_ACCEL`, else the keys `vmm` and
 * `accel` of the host's configuration, else the best this machine offers.
 *
 * @throws InvalidConfigError for a value that is none
 * @throws MicrosandboxError `unsupported` for one that cannot be had here
 */
export async function chooseVmm(options: {
  readonly env: NodeJS.ProcessEnv;
  readonly config?: HostConfig;
}): Promise<VmmChoice> {
  requireQemu(wishOf(options, 'MSB_VMM', 'vmm'));
  return chooseAccelerator(wishOf(options, 'MSB_ACCEL', 'accel'), await probeAccelerators());
}

function wishOf(
  { env, config }: { readonly env: NodeJS.ProcessEnv; readonly config?: HostConfig },
  variable: string,
  key: string,
): Wish | null {
  const fromEnv = env[variable];
  if (fromEnv) return fromEnv === 'auto' ? null : { value: fromEnv, from: variable };
  const fromConfig: unknown = config?.[key];
  if (fromConfig === undefined || fromConfig === null || fromConfig === 'auto') return null;
  return { value: String(fromConfig), from: `${key} in config.json` };
}

/** Only one driver exists so far; another one asked for by name is an error, never silently replaced. */
function requireQemu(wish: Wish | null): void {
  if (wish === null || wish.value === 'qemu') return;
  const hint = 'remove the setting or set it to qemu';
  if (wish.value === 'krun') {
    throw new MicrosandboxError('unsupported', `${wish.from}: this build has no libkrun driver`, { hint });
  }
  throw new InvalidConfigError(`${wish.from} must be 'auto', 'krun' or 'qemu', got "${wish.value}"`, {
    hint,
  });
}

/** The decision as a function of the wish and of what the machine offers. */
export function chooseAccelerator(wish: Wish | null, probe: AcceleratorProbe): VmmChoice {
  if (wish === null) {
    const best = probe.usable[0] ?? 'tcg';
    const reason = probe.missing === null ? `${best} is usable` : `${probe.missing}, so software emulation`;
    return { driver: 'qemu', accelerator: best, reason };
  }
  const accelerator = ACCELERATORS.find((name) => name === wish.value);
  if (accelerator === undefined) {
    throw new InvalidConfigError(`${wish.from} must be 'auto', 'kvm', 'hvf' or 'tcg', got "${wish.value}"`, {
      hint: 'remove the setting',
    });
  }
  if (!probe.usable.includes(accelerator)) {
    throw new MicrosandboxError(
      'unsupported',
      `${wish.from}: ${accelerator} cannot be had here: ${probe.missing ?? 'not on this platform'}`,
      { hint: 'remove the setting, or set it to tcg for software emulation' },
    );
  }
  return { driver: 'qemu', accelerator, reason: `${wish.from} is ${accelerator}` };
}
