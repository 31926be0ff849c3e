import * as z from 'zod';

/** What a sandbox's root file system is written to (spec: state 8). */
export const rootDiskSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('managed'), size_mib: z.number().int().positive().optional() }),
  z.object({ kind: z.literal('tmpfs'), size_mib: z.number().int().positive().optional() }),
  z.object({
    kind: z.literal('disk-image'),
    path: z.string(),
    format: z.enum(['Qcow2', 'Raw', 'Vmdk']),
    fstype: z.string().optional(),
  }),
  z.object({
    kind: z.literal('flat'),
    size_mib: z.number().int().positive().optional(),
    fstype: z.string().optional(),
    clone: z.enum(['auto', 'copy', 'reflink']).optional(),
  }),
]);

export type RootDisk = z.infer<typeof rootDiskSchema>;
