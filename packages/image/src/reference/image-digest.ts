import { InvalidConfigError } from '@microsandbox/types';

/** Content digest in its text form, `algorithm:encoded` (OCI image specification, descriptor). */
export interface ImageDigest {
  readonly algorithm: string;
  readonly encoded: string;
}

const FORM = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([A-Za-z0-9=_-]+)$/;
const MAX_LENGTH = 512;

/** Length of the encoded part of the algorithms that content can be checked with. */
const HEX_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/**
 * Reads a digest.
 *
 * @throws {InvalidConfigError} when the text has not the form of one.
 */
export function parseDigest(text: string): ImageDigest {
  const [, algorithm, encoded] = (text.length <= MAX_LENGTH && FORM.exec(text)) || [];
  if (algorithm === undefined || encoded === undefined) {
    throw new InvalidConfigError(`invalid digest: ${JSON.stringify(text.slice(0, 100))}`);
  }
  return { algorithm, encoded };
}

/**
 * Reads a digest whose content can be checked: `sha256`, `sha384` or `sha512` with as many hexadecimal digits as
 * it needs, in lower case.
 *
 * @throws {InvalidConfigError} for anything else.
 */
export function parseCheckableDigest(text: string): ImageDigest {
  const digest = parseDigest(text);
  const length = HEX_LENGTHS[digest.algorithm];
  if (length === undefined) throw new InvalidConfigError(`unsupported digest algorithm: ${digest.algorithm}`);
  if (digest.encoded.length !== length) {
    throw new InvalidConfigError(
      `invalid checksum digest length: ${digest.encoded.length}, expected ${length}`,
    );
  }
  if (!/^[0-9a-f]+$/.test(digest.encoded)) {
    throw new InvalidConfigError(`invalid digest: ${JSON.stringify(text)}`);
  }
  return digest;
}

/** `algorithm_encoded`, safe as a file name. */
export function digestFileName(text: string): string {
  const { algorithm, encoded } = parseDigest(text);
  return `${algorithm}_${encoded}`.replace(/[^A-Za-z0-9+.=_-]/g, '_');
}
