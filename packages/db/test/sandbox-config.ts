import { type SandboxConfigRecord, sandboxConfigSchema } from '@microsandbox/types';

/** A small valid configuration. */
export function sandboxConfig(
  name: string,
  extra: Readonly<Record<string, unknown>> = {},
): SandboxConfigRecord {
  return sandboxConfigSchema.parse({ name, image: { Oci: { reference: 'busybox' } }, ...extra });
}
