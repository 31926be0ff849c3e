import { hostRoots } from './host-roots.ts';

export interface GuestCaOptions {
  /** PEM of the authority that intercepts; null when TLS is not intercepted. */
  readonly authorityPem: string | null;
  /** The guest trusts what the host trusts (`trust_host_cas`). */
  readonly trustHostCas: boolean;
}

/** A file below the folder that the guest sees as `/.msb` (spec: network 13.6). */
export interface GuestCaFile {
  readonly path: 'tls/ca.pem' | 'tls/host-cas.pem';
  /** Null for a file of an earlier boot that has to go: the guest would trust what is no longer used. */
  readonly content: string | null;
}

/** Both certificate files of a guest, as they have to be before it boots. */
export async function guestCaFiles({
  authorityPem,
  trustHostCas,
}: GuestCaOptions): Promise<readonly GuestCaFile[]> {
  const roots = trustHostCas ? (await hostRoots()).join('') : '';
  return [
    { path: 'tls/ca.pem', content: authorityPem },
    { path: 'tls/host-cas.pem', content: roots === '' ? null : roots },
  ];
}
