import * as z from 'zod';
import { MicrosandboxError, type MicrosandboxErrorOptions } from './errors.ts';

/** Where a boot failed; the values of `boot-error.json` (spec: runtime A4). */
export const BOOT_STAGES = ['mount', 'build_vm', 'config', 'network', 'image', 'other'] as const;

export type BootStage = (typeof BOOT_STAGES)[number];

/** Content of `logs/boot-error.json`, keys in this order. */
export const bootErrorRecordSchema = z.object({
  /** RFC 3339, UTC, milliseconds. */
  t: z.string(),
  stage: z.enum(BOOT_STAGES).catch('other'),
  errno: z.number().int().nullable(),
  message: z.string(),
});

export type BootErrorRecord = z.infer<typeof bootErrorRecordSchema>;

/**
 * Why a virtual machine did not come up, found from the driver's and the console's evidence. Finer than
 * {@link BootStage}, which is the stored form.
 */
export type BootFailureKind =
  | 'noVirtualisation'
  | 'noPermission'
  | 'kernelMissing'
  | 'vmmMissing'
  | 'imageBroken'
  | 'kernelPanic'
  | 'agentSilent'
  | 'outOfMemory'
  | 'killed'
  | 'other';

/** A sandbox could not be started. Message: `failed to start "<name>": <reason>`. */
export class BootStartError extends MicrosandboxError {
  static override readonly code = 'bootStart';
  readonly sandbox: string;
  readonly record: BootErrorRecord;
  /** Last lines of the guest's console, oldest first; empty when it never spoke. */
  readonly consoleTail: readonly string[];

  constructor(
    sandbox: string,
    record: BootErrorRecord,
    consoleTail: readonly string[] = [],
    options?: MicrosandboxErrorOptions,
  ) {
    super('bootStart', `failed to start "${sandbox}": ${record.message}`, options);
    this.sandbox = sandbox;
    this.record = record;
    this.consoleTail = consoleTail;
  }
}
