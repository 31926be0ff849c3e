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
 *
 * - `noVirtualisation`: the accelerator that was asked for cannot be had on this machine
 * - `noPermission`: the user may not open something that the start needs
 * - `vmmMissing`, `kernelMissing`: a program or library is not installed
 * - `kernelBroken`: there is a kernel, and it cannot be loaded, or the guest ends before its first word
 * - `kernelPanic`: the guest's kernel gave up
 * - `imageBroken`: the image's layers in the cache are damaged or gone
 * - `diskBroken`: the sandbox's own disk is damaged
 * - `agentSilent`: the guest runs and its agent did not answer in time
 * - `agentVersion`: the agent speaks another protocol
 * - `outOfMemory`: the guest or the host has too little memory
 * - `diskFull`: the host's disk has no room left
 * - `network`: a port or socket is taken or cannot be made
 * - `killed`: the virtual machine or the sandbox process was ended by SIGKILL
 * - `processDied`: the sandbox process ended by itself without a word to its starter
 * - `other`: none of these
 */
export type BootFailureKind =
  | 'noVirtualisation'
  | 'noPermission'
  | 'kernelMissing'
  | 'kernelBroken'
  | 'vmmMissing'
  | 'imageBroken'
  | 'diskBroken'
  | 'kernelPanic'
  | 'agentSilent'
  | 'agentVersion'
  | 'outOfMemory'
  | 'diskFull'
  | 'network'
  | 'killed'
  | 'processDied'
  | 'other';
