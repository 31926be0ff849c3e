import type { BootFailureKind, BootStage } from '@microsandbox/types';

/** What one source of evidence says about a failed boot. */
export interface Finding {
  readonly kind: BootFailureKind;
  readonly message: string;
  /** Left out where the message decides (spec: runtime A4). */
  readonly stage?: BootStage;
  /** Left out where the message has it, or there is none. */
  readonly errno?: number;
  /** Way out, for people. */
  readonly hint?: string;
}

/** Less than this is too little for the guest's kernel and agent to come up, in MiB; measured. */
export const SMALLEST_GUEST_MIB = 64;

/** A guest's memory could not be had from the host. */
export const noHostMemory = (memoryMib: number): string =>
  `this machine has too little memory left for a guest of ${memoryMib} MiB: `;

/** Ways out that more than one source of evidence leads to. */
export const HINTS = {
  freeHostMemory:
    'unless somebody ended it, this machine ran out of memory (`dmesg` tells): free some, or give the sandbox less',
  lessMemory: 'free some memory on this machine, or give the sandbox less (--memory)',
  freeDisk: 'free some space on the disk that holds the microsandbox home, then start again',
  moreMemory: 'give the sandbox more memory (--memory)',
  pullAgain: 'the image in the cache is damaged: `msb pull --force IMAGE` replaces it',
  renewKernel:
    'remove the folder cache/kernel in the microsandbox home, it is made anew; if that does not help, install libkrunfw again',
  renewBoth:
    'remove the folders cache/kernel and cache/initramfs in the microsandbox home, they are made anew; if that does not help, install libkrunfw again',
  renewInitramfs: 'remove the folder cache/initramfs in the microsandbox home, it is made anew',
  joinKvm:
    'add your user to the group that owns /dev/kvm (mostly kvm) and log in again, or set MSB_ACCEL=tcg',
  emulate: 'set MSB_ACCEL=tcg for software emulation, or remove the setting',
  longer: 'see the console for what the guest was doing; on a slow machine set MSB_BOOT_TIMEOUT_MS higher',
} as const;
