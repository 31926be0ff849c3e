import { createHash } from 'node:crypto';
import { formatPlatform, type Platform } from '../registry/platform.ts';

/** Version of the way in which an image becomes one file system; a new one makes all flat images anew. */
export const MATERIALIZER_ABI = 2;

/** What a flat image is made of. */
export interface FlatInput {
  readonly platform: Platform;
  readonly manifestDigest: string;
  /** Bottom first. */
  readonly diffIds: readonly string[];
}

/** Digest of all that determines the bytes of a flat image; known before it is made. */
export function flatDerivation({ platform, manifestDigest, diffIds }: FlatInput): Buffer {
  const hash = createHash('sha256');
  const abi = Buffer.alloc(4);
  abi.writeUInt32LE(MATERIALIZER_ABI, 0);
  hash.update('microsandbox.flat-rootfs\0').update(abi);
  for (const part of [formatPlatform(platform), manifestDigest, ...diffIds]) hash.update(`\0${part}`);
  return hash.digest();
}

/** The file system's UUID: the start of the derivation digest in the form of a random one (RFC 9562, version 4). */
export function flatUuid(derivation: Buffer): Buffer {
  const uuid = Buffer.from(derivation.subarray(0, 16));
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  return uuid;
}
