import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { sharedConnection } from './fs-access.ts';
import { FsConnection } from './fs-connection.ts';
import { SandboxFsOps } from './sandbox-fs-ops.ts';

/** File operations that share one connection: many small ones cost less, and the sandbox is the same throughout. */
export class SandboxFsSession extends SandboxFsOps implements AsyncDisposable {
  readonly #connection: FsConnection;

  private constructor(connection: FsConnection) {
    super(sharedConnection(connection));
    this.#connection = connection;
  }

  /** @internal Use `Sandbox.fsSession()`. */
  static async open(place: SandboxPlace): Promise<SandboxFsSession> {
    return new SandboxFsSession(await FsConnection.open(place));
  }

  /** Ends the session, and with it every stream that is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
