/**
 * A pattern of the TLS configuration (spec: network 13.4): `*.suffix` is the suffix itself and everything under it,
 * anything else is one name.
 */
export interface HostScope {
  readonly kind: 'exact' | 'suffix';
  readonly name: string;
}

/** Reads a pattern; case and final dots do not matter. */
export function parseHostScope(pattern: string): HostScope {
  const name = bareName(pattern);
  return name.startsWith('*.') && name.length > 2
    ? { kind: 'suffix', name: name.slice(2) }
    : { kind: 'exact', name };
}

/** Whether a host falls under it: `*.name` includes the name itself. */
export function scopeIncludes({ kind, name }: HostScope, host: string): boolean {
  const bare = bareName(host);
  return bare === name || (kind === 'suffix' && bare.endsWith(`.${name}`));
}

/** The higher, the fewer hosts: an exact name wins over the suffix of the same length. */
export function specificityOf({ kind, name }: HostScope): number {
  return name.length + (kind === 'exact' ? 1 : 0);
}

function bareName(host: string): string {
  return host.trim().toLowerCase().replace(/\.+$/, '');
}
