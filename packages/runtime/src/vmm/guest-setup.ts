import type { Accelerator, LaunchConfig, VmSpec } from '@microsandbox/types';

/** Console port that carries the agent's frames. */
export const AGENT_PORT = 'agent';

const SHARE_PORT = 'fs.';

/** Console port of a shared folder; agent and sandbox process count them alike. */
export function sharePort(index: number): string {
  return `${SHARE_PORT}${index}`;
}

export function isSharePort(name: string): boolean {
  return name.startsWith(SHARE_PORT);
}

/** Transparent huge pages in the guest. */
export type ThpMode = LaunchConfig['thp'];

/** What kernel parameters depend on; never anything of one sandbox. */
export interface CommandLineOptions {
  readonly thp: ThpMode;
  readonly accelerator: Accelerator;
  /** Frequency of the host's time stamp counter, when the guest sees that one. */
  readonly tscKhz: number | null;
}

/** Kernel parameters, without the descriptions of devices that the monitor adds. */
export function kernelCommandLine({ thp, accelerator, tscKhz }: CommandLineOptions): string[] {
  return [
    'console=hvc0',
    'quiet',
    // A restart is how a guest ends: QEMU exits on it, while power-off needs ACPI.
    'reboot=t',
    'panic=-1',
    'panic_print=0',
    // Modules without a policy only cost each system call their hooks.
    'lsm=capability',
    ...(accelerator === 'tcg' ? [...emulatedClock(tscKhz), ...EMULATED_START] : []),
    `transparent_hugepage=${thp}`,
  ];
}

/** What an emulated kernel need not do at its start; together a third of the processor time of a boot. */
const EMULATED_START = [
  // Each `lock` prefix is taken out by switching address spaces to and fro, and emulation does not feel them.
  'noreplace-smp',
  // The self-test of a source of random numbers that nobody asks: 92 million instructions.
  'initcall_blacklist=jent_mod_init',
  // Without that test, `/init` could be started while a worker still has it open for writing. Unpacked in its turn,
  // and not beside the rest, the initramfs has most of the boot behind it when `/init` is started.
  'initramfs_async=0',
];

/**
 * Parameters of a guest that boots for one sandbox, besides those of {@link kernelCommandLine}. To find out how fast
 * the local APIC's timer runs takes a kernel 200 ms, which it waits. A guest of one processor can do with the machine's
 * older timer, which wakes it 37 times a second when it idles. Templates take their time instead.
 */
export function coldBootParameters({ accelerator, cpus }: Pick<VmSpec, 'accelerator' | 'cpus'>): string[] {
  return accelerator === 'tcg' && cpus === 1 ? ['nolapic_timer'] : [];
}

/**
 * Without the time stamp counter as its clock an emulated guest has none finer than 4 ms. It cannot measure the
 * counter's frequency when the host is busy, and for the same reason it must not panic when its timer's first
 * interrupts come late.
 */
function emulatedClock(tscKhz: number | null): string[] {
  return ['no_timer_check', ...(tscKhz === null ? [] : ['tsc=reliable', `tsc_early_khz=${tscKhz}`])];
}
