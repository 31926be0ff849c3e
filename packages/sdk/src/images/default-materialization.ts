import type { Materialization } from '@microsandbox/image';
import type { LocalBackend } from '../backend/local-backend.ts';

/** What a pull makes when nobody says: what the host's default root disk needs (spec: image 5). */
export async function defaultMaterialization(backend: LocalBackend): Promise<Materialization> {
  const { sandbox_defaults } = await backend.config();
  return sandbox_defaults.oci.root_disk?.kind === 'flat' ? 'flat' : 'layered';
}
