import type { StreamOpened } from '@microsandbox/native';
import type { SecretsConfig } from '../config/secret-config.ts';
import type { StackStream } from '../engine/stack-stream.ts';
import { BlockedConnection } from '../secrets/blocked.ts';
import { GuestHandshakeError } from './accept-tls.ts';
import { type ConnectionEvent, eventOfBlocked } from './connection-event.ts';
import {
  GuestConnection,
  type ServingContext,
  UnreachableError,
  UntrustedError,
} from './guest-connection.ts';
import { serveDot } from './serve-dot.ts';
import { servePlain } from './serve-plain.ts';
import { serveTls } from './serve-tls.ts';

export interface ConnectionServerOptions extends ServingContext {
  /** The secrets as they are now; asked once for each connection. */
  readonly secrets: { snapshot(): SecretsConfig };
  readonly onEvent: (event: ConnectionEvent) => void;
  /** A secret with `block-and-terminate` was about to leak: the sandbox has to stop. Called after `onEvent`. */
  readonly onTerminate: () => void;
}

/** Failures after which a guest has no reason to try another address. */
const CLOSING = [BlockedConnection, UntrustedError, GuestHandshakeError];

/**
 * Serves the connections that the stack hands up: intercepted TLS, DNS over TLS, and plain ones that may carry
 * secrets.
 *
 * @example
 * const server = new ConnectionServer({ stack, tls, dns, gateways, secrets, onEvent: log, onTerminate: stop });
 * server.serve(streamOpened, stackStream);
 */
export class ConnectionServer implements AsyncDisposable {
  readonly #options: ConnectionServerOptions;
  readonly #live = new Map<StackStream, Promise<void>>();

  constructor(options: ConnectionServerOptions) {
    this.#options = options;
  }

  /** Serves one connection to its end. Never throws; failures end the connection and become events. */
  serve(opened: StreamOpened, stream: StackStream): void {
    const connection = new GuestConnection({
      context: this.#options,
      stream,
      destination: opened.destination,
      serverName: opened.serverName,
      secrets: this.#options.secrets.snapshot(),
    });
    const served = this.#run(opened, connection).finally(() => this.#live.delete(stream));
    this.#live.set(stream, served);
  }

  /** Resets every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#live];
    for (const [stream] of all) stream.destroy(new Error('the sandbox stops'));
    await Promise.all(all.map(([, served]) => served));
  }

  async #run(opened: StreamOpened, connection: GuestConnection): Promise<void> {
    const { stream } = connection;
    try {
      await this.#dispatch(opened, connection);
      connection.release(false);
      stream.destroy();
    } catch (error) {
      // What the policy or a secret forbids ends with a FIN, what could not be reached with a reset (spec: network 5.3).
      const closes = CLOSING.some((kind) => error instanceof kind);
      stream.destroy(closes ? undefined : (error as Error));
      connection.release(true);
      this.#tell(error as Error, connection);
    }
  }

  async #dispatch({ kind, serverName }: StreamOpened, connection: GuestConnection): Promise<void> {
    const { tls } = this.#options;
    if (kind === 'plain') return await servePlain(connection);
    if (tls === null) return;
    if (kind === 'dot') return await serveDot(connection, tls);
    if (serverName !== null) await serveTls(connection, { tls, serverName });
  }

  #tell(error: Error, connection: GuestConnection): void {
    const { serverName, destination, filter } = connection;
    const { onEvent, onTerminate } = this.#options;
    if (error instanceof BlockedConnection) {
      onEvent(eventOfBlocked(error, { serverName, destination, filter }));
      if (error.violation?.action === 'block-and-terminate') onTerminate();
    } else if (error instanceof UnreachableError || error instanceof UntrustedError) {
      onEvent({ type: 'unreachable', reason: error.message, serverName, destination });
    } else if (error instanceof GuestHandshakeError) {
      onEvent({ type: 'untrusting', reason: error.message, serverName, destination });
    }
  }
}
