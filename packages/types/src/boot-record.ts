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
  /** Ports of the host that lead into the guest; those that could not be bound are missing. */
  ports: z
    .array(
      z.object({
        host_bind: z.string(),
        host_port: z.number().int(),
        guest_port: z.number().int(),
        protocol: z.enum(['tcp', 'udp']),
      }),
    )
    .default([]),
});

/** A port of the host that leads into the guest. */
export type BootPort = BootRecord['ports'][number];

export type BootRecord = z.infer<typeof bootRecordSchema>;
