import { InvalidConfigError } from '@microsandbox/types';

/** For which machine an image is (OCI image specification, index: platform). */
export interface Platform {
  readonly os: string;
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** Go's names of what Node calls differently. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
  loong64: 'loong64',
};

/** Linux on this machine's processor. */
export function hostPlatform(architecture: string = process.arch): Platform {
  return { os: 'linux', architecture: ARCHITECTURES[architecture] ?? architecture };
}

/**
 * Reads `linux/arm64` or `linux/arm/v7`.
 *
 * @throws {InvalidConfigError} for any other form.
 */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  const [, os, architecture, variant] = match ?? [];
  if (os === undefined || architecture === undefined) {
    throw new InvalidConfigError(`invalid platform: ${JSON.stringify(text.slice(0, 60))}`, {
      hint: 'write OS/ARCHITECTURE, for example linux/arm64',
    });
  }
  return { os, architecture, variant };
}

/** `os/architecture[/variant]`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

/**
 * The first of several candidates that fits: with a wanted variant an exact match goes before one of another
 * variant.
 */
export function choosePlatform<T extends { readonly platform?: Platform | null | undefined }>(
  candidates: readonly T[],
  wanted: Platform,
): T | undefined {
  const fitting = candidates.filter(
    ({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture,
  );
  if (wanted.variant === undefined) return fitting[0];
  return fitting.find(({ platform }) => platform?.variant === wanted.variant) ?? fitting[0];
}
