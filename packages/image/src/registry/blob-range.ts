import type { HttpResponse } from './http-client.ts';
import type { BlobDescriptor } from './registry.ts';
import { RegistryFailure } from './registry-failure.ts';

const CONTENT_RANGE = /^bytes (\d+)-\d+\/(\d+|\*)$/;

/**
 * Checks that an answer holds what was asked for, as far as its headers say.
 *
 * @returns how many bytes at the start of the body are to be left out: all before `offset` when the server sent the
 * whole blob.
 * @throws {RegistryFailure} when it starts elsewhere, or its length is not the blob's.
 */
export function assertBlobRange(
  response: HttpResponse,
  { blob, offset }: { readonly blob: BlobDescriptor; readonly offset: number },
): number {
  const start = response.status === 206 ? rangeStart(response) : 0;
  const length = response.header('content-length');
  const total = length === undefined ? undefined : start + Number(length);
  if (start > offset || (response.status === 206 && start !== offset)) {
    throw refused(
      response,
      'image',
      `${response.url.host} sent another part of ${blob.digest} than was asked for`,
    );
  }
  if (blob.sizeBytes !== null && total !== undefined && total !== blob.sizeBytes) {
    throw refused(
      response,
      'digestMismatch',
      `${blob.digest} has ${total} bytes on ${response.url.host}, its manifest says ${blob.sizeBytes}`,
    );
  }
  return offset - start;
}

function rangeStart(response: HttpResponse): number {
  const match = CONTENT_RANGE.exec(response.header('content-range') ?? '');
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
}

function refused(response: HttpResponse, code: 'image' | 'digestMismatch', message: string): RegistryFailure {
  response.body.on('error', () => undefined).destroy();
  return new RegistryFailure(code, message);
}
