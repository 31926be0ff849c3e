/** Hosts that a secret may go to, or a placeholder may pass to (spec: network 14.1, 18). */
export type HostPattern = 'any' | { readonly exact: string } | { readonly wildcard: string };

/** `*` is any host, `*.x` is `x` and everything under it, anything else is that host. */
export function parseHostPattern(text: string): HostPattern {
  if (text === '*') return 'any';
  return text.startsWith('*.') ? { wildcard: text } : { exact: text };
}

/** Whether a pattern admits a host name; case and a dot at the end do not matter. */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  if (pattern === 'any') return true;
  const name = bare(host);
  if ('exact' in pattern) return bare(pattern.exact) === name;
  const wildcard = bare(pattern.wildcard);
  if (!wildcard.startsWith('*.')) return wildcard === name;
  const suffix = wildcard.slice('*.'.length);
  return name === suffix || name.endsWith(`.${suffix}`);
}

function bare(host: string): string {
  return host.toLowerCase().replace(/\.+$/, '');
}
