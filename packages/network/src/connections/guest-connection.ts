import type { Socket } from 'node:net';
import type { NetworkEndpoint, NetworkStack } from '@microsandbox/native';
import type { SecretsConfig } from '../config/secret-config.ts';
import type { DnsForwarder } from '../dns/dns-forwarder.ts';
import type { StackStream } from '../engine/stack-stream.ts';
import type { RequestFilter } from '../secrets/request-filter.ts';
import type { TlsInterception } from '../tls/tls-interception.ts';
import { dial } from './dial.ts';

/** What serving connections needs of everything else. */
export interface ServingContext {
  readonly stack: Pick<NetworkStack, 'evaluate' | 'hostnamesOf' | 'insertHostnames'>;
  /** Null when TLS is not intercepted. */
  readonly tls: TlsInterception | null;
  readonly dns: Pick<DnsForwarder, 'resolve'>;
  readonly gateways: ReadonlySet<string>;
}

/** The server could not be reached: the guest's connection is reset, so that it tries another address. */
export class UnreachableError extends Error {}

/** The server is there, but no TLS connection to it came about. */
export class UntrustedError extends Error {}

/** One connection of a guest while it is served. */
export class GuestConnection {
  readonly context: ServingContext;
  readonly stream: StackStream;
  /** Address that the guest dialled. */
  readonly destination: NetworkEndpoint;
  /** Secrets as they were when the connection began (spec: network 14.9). */
  readonly secrets: SecretsConfig;
  /** Aborted when the guest goes away. */
  readonly signal: AbortSignal;
  serverName: string | null;
  filter: RequestFilter | null = null;
  #server: Socket | null = null;

  constructor(options: {
    readonly context: ServingContext;
    readonly stream: StackStream;
    readonly destination: NetworkEndpoint;
    readonly serverName: string | null;
    readonly secrets: SecretsConfig;
  }) {
    this.context = options.context;
    this.stream = options.stream;
    this.destination = options.destination;
    this.serverName = options.serverName;
    this.secrets = options.secrets;
    const gone = new AbortController();
    this.signal = gone.signal;
    this.stream.on('error', () => {});
    this.stream.once('close', () => gone.abort(new Error('the guest closed the connection')));
  }

  /** The guest dialled its gateway, which is the host. */
  get isGateway(): boolean {
    return this.context.gateways.has(this.destination.address);
  }

  /** Connects to where the guest wanted to. @throws UnreachableError */
  async dial(): Promise<Socket> {
    const { gateways } = this.context;
    try {
      this.#server = await dial(this.destination, { gateways, signal: this.signal });
      return this.#server;
    } catch (error) {
      this.signal.throwIfAborted();
      throw new UnreachableError((error as Error).message, { cause: error });
    }
  }

  /** Lets go of the server. After a failure it shall not take half a request for a whole one. */
  release(failed: boolean): void {
    if (failed) this.#server?.resetAndDestroy();
    else this.#server?.destroy();
  }
}
