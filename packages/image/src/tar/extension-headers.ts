import { ImageError } from '@microsandbox/types';
import { NO_XATTRS } from '../tree/nodes.ts';
import { paxNumber } from './pax-number.ts';
import { parsePaxRecords } from './pax-records.ts';
import { paxXattrs } from './pax-xattrs.ts';
import { paxSparse } from './sparse/pax-sparse.ts';
import type { SparseFile } from './sparse/sparse-map.ts';
import type { TarHeader } from './tar-header.ts';
import type { TarMember } from './tar-member.ts';

const NO_RECORDS: ReadonlyMap<string, Buffer> = new Map();

/**
 * Extension headers that wait for their member: PAX local (`x`), GNU long name (`L`) and long link (`K`). At most
 * one of each, and not both ways for one field: what such an archive means, readers disagree on, so it is refused.
 */
export class ExtensionHeaders {
  #pax: ReadonlyMap<string, Buffer> | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;

  /** Whether members of this type describe the next one and are to be given to {@link add}. */
  static isExtension(type: string): boolean {
    return type === 'x' || type === 'L' || type === 'K';
  }

  add(type: string, body: Buffer): void {
    if (type === 'x') {
      if (this.#pax !== undefined)
        throw new ImageError('two pax extensions entries describing the same member');
      this.#pax = parsePaxRecords(body);
    } else if (type === 'L') {
      if (this.#longName !== undefined)
        throw new ImageError('two long name entries describing the same member');
      this.#longName = untilNul(body);
    } else {
      if (this.#longLink !== undefined)
        throw new ImageError('two long name entries describing the same member');
      this.#longLink = untilNul(body);
    }
  }

  /** Applies what waits to the member's own header and sparse map, and forgets it. */
  apply(header: TarHeader, gnuSparse: SparseFile | null): TarMember {
    const records = this.#pax ?? NO_RECORDS;
    const named = choose('path', records, this.#longName, header.name);
    const sparse = gnuSparse === null && records !== NO_RECORDS ? paxSparse(records) : null;
    const path = sparse?.path ?? named;
    const member: TarMember = {
      path,
      linkPath: choose('linkpath', records, this.#longLink, header.linkName),
      type: header.type,
      mode: header.mode,
      uid: paxNumber(records, 'uid', header.uid) % 2 ** 32,
      gid: paxNumber(records, 'gid', header.gid) % 2 ** 32,
      size: paxNumber(records, 'size', header.size),
      mtime: header.mtime,
      deviceMajor: header.deviceMajor,
      deviceMinor: header.deviceMinor,
      xattrs: records === NO_RECORDS ? NO_XATTRS : paxXattrs(records, path),
      sparse: gnuSparse ?? sparse?.file ?? null,
    };
    this.#pax = this.#longName = this.#longLink = undefined;
    return member;
  }

  /** To be called at the end of the archive. */
  assertNoneLeft(): void {
    if (this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined) {
      throw new ImageError('extension entry was not followed by a member');
    }
  }
}

function choose(
  key: 'path' | 'linkpath',
  records: ReadonlyMap<string, Buffer>,
  gnu: string | undefined,
  plain: string,
): string {
  const pax = records.get(key);
  if (pax !== undefined && gnu !== undefined) {
    const gnuName = key === 'path' ? 'longname' : 'longlink';
    throw new ImageError(`ambiguous path: pax ${key} and GNU ${gnuName} describe the same member`);
  }
  return pax?.toString('latin1') ?? gnu ?? plain;
}

function untilNul(body: Buffer): string {
  const nul = body.indexOf(0);
  return body.toString('latin1', 0, nul < 0 ? body.length : nul);
}
