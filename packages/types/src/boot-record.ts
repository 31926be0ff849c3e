import * as z from 'zod';

/** Content of `logs/boot.json`: how the machine that runs came to life. Gone when the next start begins. */
export const bootRecordSchema = z.object({
  /** Woken from a template, or booted. */
  boot: z.enum(['cold', 'warm']),
  /** Why it was booted; null when it woke. */
  boot_reason: z.string().nullable(),
  vmm: z.enum(['krun', 'qemu']),
  vmm_version: z.string(),
  accel: z.enum(['kvm', 'hvf', 'tcg']),
  /** Why this accelerator. */
  accel_reason: z.string(),
});

export type BootRecord = z.infer<typeof bootRecordSchema>;
