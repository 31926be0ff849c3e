import { type FileHandle, open } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { hostFileError } from '../io/host-file-error.ts';
import { readExactly } from '../io/read-exactly.ts';
import type { LayoutFiles } from '../layout/layout-files.ts';
import { quotePath } from '../tree/quote-path.ts';
import { type IndexedMember, indexTar } from './tar-index.ts';

const READ_BYTES = 1024 * 1024;
/** `docker save` links equal layers; a chain of links is no use to anybody. */
const MAX_LINKS = 8;

type IndexedFile = IndexedMember & { readonly kind: 'file' };

/** Files of a layout inside an uncompressed tar file, read where they are. */
export class ArchiveFiles implements LayoutFiles, AsyncDisposable {
  readonly name: string;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #members: ReadonlyMap<string, IndexedMember>;

  private constructor(handle: FileHandle, path: string, name: string, members: Map<string, IndexedMember>) {
    this.#handle = handle;
    this.#path = path;
    this.name = name;
    this.#members = members;
  }

  /**
   * Lists the members of the file at `path`; messages call it `name`.
   *
   * @throws {ImageError} when it is no tar archive, or broken.
   */
  static async open(path: string, name: string): Promise<ArchiveFiles> {
    const handle = await open(path).catch((error: unknown) => {
      throw hostFileError('read', path, error);
    });
    try {
      return new ArchiveFiles(handle, path, name, await indexTar(handle, path));
    } catch (error) {
      await handle.close();
      if (error instanceof ImageError) {
        throw new ImageError(`${name} is no archive: ${error.message}`, {
          cause: error,
          hint: 'give an archive that docker save, podman save or skopeo wrote',
        });
      }
      throw error;
    }
  }

  has(path: string): boolean {
    return this.#members.has(path);
  }

  /** Length of a file. */
  sizeOf(path: string): number {
    return this.#find(path).size;
  }

  /** The name under which a file's bytes are; differs for links. */
  resolve(path: string): string {
    let name = path;
    for (let links = 0; links <= MAX_LINKS; links++) {
      const member = this.#members.get(name);
      if (member === undefined) break;
      if (member.kind === 'file') return name;
      name = member.target;
    }
    throw new ImageError(`archive member not found: ${quotePath(path)}`);
  }

  async readSmall(path: string, limitBytes: number): Promise<Buffer> {
    const { offset, size } = this.#find(path);
    if (size > limitBytes) throw new ImageError(`archive metadata entry too large: ${quotePath(path)}`);
    const bytes = Buffer.allocUnsafe(size);
    await readExactly(this.#handle, this.#path, bytes, offset);
    return bytes;
  }

  async *read(
    path: string,
    offset: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Buffer, void, void> {
    const file = this.#find(path);
    for (let at = offset; at < file.size; ) {
      signal?.throwIfAborted();
      const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, file.size - at));
      await readExactly(this.#handle, this.#path, chunk, file.offset + at);
      at += chunk.length;
      yield chunk;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  #find(path: string): IndexedFile {
    return this.#members.get(this.resolve(path)) as IndexedFile;
  }
}
