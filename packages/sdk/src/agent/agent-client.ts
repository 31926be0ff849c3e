import { existsSync } from 'node:fs';
import type { AgentClient as ProtocolClient, RawAgentStream } from '@microsandbox/protocol';
import { AgentClientError } from '@microsandbox/types';
import {
  assertSocketPathsFit,
  homeLayout,
  resolveHome,
  sandboxPaths,
  validateSandboxName,
} from '@microsandbox/utils';
import { currentBackend } from '../backend/current-backend.ts';
import { sandboxPlace } from '../lifecycle/sandbox-place.ts';
import { connectAgent } from './connect-agent.ts';

/** The frame is the last of its id. */
export const FLAG_TERMINAL = 1;
/** The frame begins a session. */
export const FLAG_SESSION_START = 2;
/** The frame asks the guest to end. */
export const FLAG_SHUTDOWN = 4;

/** A frame as it is on the wire; `body` is a CBOR map of version, type and payload. */
export interface RawFrame {
  readonly id: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** How to connect. */
export interface AgentConnectOptions {
  /** 10 000 when not set. */
  readonly timeoutMs?: number;
}

/** Frames of one id, the last one included. */
export type AgentStream = Pick<
  RawAgentStream,
  'id' | 'next' | 'close' | 'return' | typeof Symbol.asyncIterator
>;

/**
 * A connection to a sandbox's agent that passes frames on as they are: for protocols of one's own. Everything
 * else is easier with `Sandbox`.
 */
export class AgentClient {
  readonly #client: ProtocolClient;

  private constructor(client: ProtocolClient) {
    this.#client = client;
  }

  /**
   * Connects to a sandbox of this machine by name.
   *
   * @throws AgentClientError
   */
  static async connectSandbox(name: string, options: AgentConnectOptions = {}): Promise<AgentClient> {
    validateSandboxName(name);
    const place = await sandboxPlace(currentBackend().local('AgentClient::connect_sandbox'), name);
    return new AgentClient(await connectAgent(place, options));
  }

  /**
   * Connects to an agent socket.
   *
   * @throws AgentClientError
   */
  static async connect(path: string, options: AgentConnectOptions = {}): Promise<AgentClient> {
    const { AgentClient: Client } = await import('@microsandbox/protocol');
    return new AgentClient(await Client.connect(path, options));
  }

  /**
   * Where a sandbox's agent listens: the first of its sockets that exists, else where it would. The sandbox
   * need not run, nor exist.
   *
   * @throws InvalidConfigError when no socket fits below this home
   */
  static socketPath(name: string): string {
    const paths = sandboxPaths(homeLayout(resolveHome()), name);
    const candidates = [paths.agentSocket, paths.legacyAgentSocket, paths.innerAgentSocket];
    const existing = candidates.find((path) => existsSync(path));
    if (existing !== undefined) return existing;
    assertSocketPathsFit(paths);
    return paths.agentSocket;
  }

  /** Sends a frame under a new id and resolves with the first one that comes back. */
  async request(flags: number, body: Buffer): Promise<RawFrame> {
    return this.#client.requestRaw(flags, body);
  }

  /** Sends a frame under a new id and returns all that come back. */
  async stream(flags: number, body: Buffer): Promise<AgentStream> {
    return this.#client.streamRaw(flags, body);
  }

  /** Sends a frame under an id that is open. */
  async send(id: number, flags: number, body: Buffer): Promise<void> {
    if (!Number.isInteger(id) || id < 0) throw new AgentClientError(`agent client error: invalid id ${id}`);
    await this.#client.sendRaw(id, flags, body);
  }

  /** What the agent said when it was ready. */
  readyBytes(): Buffer {
    return this.#client.readyBytes();
  }

  /** Repeatable. */
  async close(): Promise<void> {
    await this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
