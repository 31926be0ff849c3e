import * as z from 'zod';

/**
 * The first frame a guest receives (agent protocol section 7). This is its JSON form, as it stands in the
 * launch configuration: addresses are strings here and arrays of integers in CBOR. Key order is the wire order.
 */
const mountFlagsSchema = z.object({
  readonly: z.boolean().default(false),
  noexec: z.boolean().default(false),
  nosuid: z.boolean().default(false),
  nodev: z.boolean().default(false),
});

const upperSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('device'), device: z.string(), fstype: z.string() }),
  z.object({ kind: z.literal('tmpfs'), size_mib: z.number().int().positive().optional() }),
]);

const blockRootSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('disk-image'), device: z.string(), fstype: z.string().optional() }),
  z.object({ kind: z.literal('oci-erofs'), lower: z.string(), upper: upperSchema }),
]);

const envVarSchema = z.object({ key: z.string(), value: z.string() });

const addressFamilySchema = z.object({
  address: z.string(),
  prefix_len: z.number().int().min(0).max(128),
  gateway: z.string(),
  dns: z.string().optional(),
});

export const guestBootstrapSchema = z.object({
  block_root: blockRootSchema.optional(),
  dir_mounts: z
    .array(z.object({ tag: z.string(), guest_path: z.string(), flags: mountFlagsSchema.optional() }))
    .optional(),
  file_mounts: z
    .array(
      z.object({
        tag: z.string(),
        filename: z.string(),
        guest_path: z.string(),
        flags: mountFlagsSchema.optional(),
      }),
    )
    .optional(),
  disk_mounts: z
    .array(
      z.object({
        id: z.string(),
        guest_path: z.string(),
        fstype: z.string().optional(),
        flags: mountFlagsSchema.optional(),
      }),
    )
    .optional(),
  tmpfs_mounts: z
    .array(
      z.object({
        path: z.string(),
        size_mib: z.number().int().positive().optional(),
        mode: z.number().int().optional(),
        flags: mountFlagsSchema.optional(),
      }),
    )
    .optional(),
  hostname: z.string().optional(),
  host_alias: z.string().optional(),
  network: z
    .object({
      interface: z.string(),
      mac: z.array(z.number().int().min(0).max(255)).length(6),
      mtu: z.number().int(),
      /** MTU of the routes, where the other end takes more than the interface's. */
      route_mtu: z.number().int().optional(),
      ipv4: addressFamilySchema.optional(),
      ipv6: addressFamilySchema.optional(),
    })
    .optional(),
  rlimits: z
    .array(z.object({ resource: z.string(), soft: z.number().int(), hard: z.number().int() }))
    .optional(),
  user: z.string().optional(),
  default_cwd: z.string().optional(),
  default_env: z.array(envVarSchema).optional(),
  security_profile: z.enum(['default', 'restricted']).default('default'),
  handoff_init: z
    .object({
      cmd: z.string(),
      args: z.array(z.string()).optional(),
      cwd: z.string().optional(),
      env: z.array(envVarSchema).optional(),
    })
    .optional(),
});

export type GuestBootstrap = z.infer<typeof guestBootstrapSchema>;
export type BlockRoot = z.infer<typeof blockRootSchema>;
export type MountFlags = z.infer<typeof mountFlagsSchema>;
