import {
  type AgentClient,
  type AgentStream,
  EXTENSIONS,
  type FsEntryInfo,
  type FsOp,
  type FsOpenOptions,
  type FsResponse,
  isBinaryPath,
  type Message,
} from '@microsandbox/protocol';
import { UnsupportedOperationError } from '@microsandbox/types';
import { connectRunning } from '../agent/connect-running.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { fsError } from './fs-error.ts';
import type { GuestPath } from './guest-path.ts';

/** One agent connection for file operations. A handle is only good on the connection that opened it. */
export class FsConnection implements AsyncDisposable {
  readonly #client: AgentClient;

  private constructor(client: AgentClient) {
    this.#client = client;
  }

  /** @throws SandboxNotRunningError when the sandbox does not run */
  static async open(place: SandboxPlace): Promise<FsConnection> {
    return new FsConnection(await connectRunning(place));
  }

  /**
   * Does `op` and returns what comes of it.
   *
   * @throws SandboxFsOpsError when the guest says no
   * @throws AgentLostError when the sandbox goes away first
   * @throws UnsupportedOperationError when a path is no text and the sandbox's agent takes only text
   */
  async perform(op: FsOp): Promise<FsResponse> {
    this.#assertPathsTaken(op);
    return resultOf(await this.#client.request('core.fs.request', { op }));
  }

  async stat(path: GuestPath, followSymlink: boolean): Promise<FsEntryInfo> {
    const { data } = await this.perform({ kind: 'Stat', path, followSymlink });
    if (data !== null && 'Stat' in data) return data.Stat;
    throw unexpected('stat');
  }

  /** Bytes of the path that comes of `op`. */
  async path(op: Extract<FsOp, { kind: 'RealPath' | 'ReadLink' }>): Promise<Uint8Array> {
    const { data, pathBytes } = await this.perform(op);
    if (data !== null && 'Path' in data) return pathBytes ?? Buffer.from(data.Path);
    throw unexpected(op.kind);
  }

  async entries(op: Extract<FsOp, { kind: 'List' | 'ReadDir' }>): Promise<readonly FsEntryInfo[]> {
    const { data } = await this.perform(op);
    if (data !== null && 'List' in data) return data.List;
    throw unexpected(op.kind);
  }

  async handle(op: Extract<FsOp, { kind: 'OpenFile' | 'OpenDir' }>): Promise<bigint> {
    const { data } = await this.perform(op);
    if (data !== null && 'Handle' in data) return data.Handle;
    throw unexpected(op.kind);
  }

  openFile(path: GuestPath, options: Partial<FsOpenOptions>): Promise<bigint> {
    return this.handle({ kind: 'OpenFile', path, options: { ...CLOSED, ...options } });
  }

  async closeHandle(handle: bigint): Promise<void> {
    await this.perform({ kind: 'CloseHandle', handle });
  }

  /** Starts a read or write; what comes back ends with a response, see {@link resultOf}. */
  stream(op: Extract<FsOp, { kind: 'Read' | 'Write' }>): Promise<AgentStream> {
    return this.#client.stream('core.fs.request', { op });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #assertPathsTaken(op: FsOp): void {
    if (this.#client.ready.extensions.includes(EXTENSIONS.binaryPaths)) return;
    for (const value of Object.values(op)) {
      if (value instanceof Uint8Array && isBinaryPath(value)) {
        throw new UnsupportedOperationError(
          `the agent of the sandbox takes no path that is not UTF-8: ${Buffer.from(value)}`,
          { hint: 'restart the sandbox to update its agent' },
        );
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const CLOSED = { read: false, write: false, append: false, create: false, truncate: false, createNew: false };

/**
 * What the last message of an operation says.
 *
 * @throws SandboxFsOpsError with the guest's text
 */
export function resultOf(message: Message): FsResponse {
  if (message.type === 'core.error') throw fsError(message.payload.message);
  if (message.type !== 'core.fs.response') throw unexpected(message.type);
  const { ok, error } = message.payload;
  if (!ok) throw fsError(error ?? 'the guest gave no reason');
  return message.payload;
}

function unexpected(what: string): Error {
  return fsError(`unexpected answer from the agent: ${what}`);
}
