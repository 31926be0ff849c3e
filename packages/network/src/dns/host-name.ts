/** Longest name, in bytes of a message (RFC 1035 section 2.3.4). */
export const MAX_NAME_BYTES = 255;

/** The labels as a name, lower case with dots between; null when one is no label of a host, be it for a dot inside. */
export function hostNameOf(labels: readonly string[]): string | null {
  return labels.every((label) => /^[A-Za-z0-9_-]+$/.test(label)) ? labels.join('.').toLowerCase() : null;
}
