import * as z from 'zod';

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
