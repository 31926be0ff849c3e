import { createServer, type Server, type Socket } from 'node:net';
import {
  AGENT_RELAY_MAX_CLIENTS,
  type DecodedFrame,
  decodeAnyEnvelope,
  decodeDataBody,
  decodeHeartbeat,
  decodeMessage,
  EXTENSIONS,
  encodeClientFlow,
  FLAG_TERMINAL,
  HEARTBEAT,
  type Heartbeat,
  isIdInRange,
  type Message,
  relaySlotOfId,
} from '@microsandbox/protocol';
import type { ExecLog } from '../journal/exec-log.ts';
import type { RuntimeLog } from '../journal/runtime-log.ts';
import { checkClientFrame } from './check-client-frame.ts';
import { type ExecSession, ExecSessions } from './exec-sessions.ts';
import type { GuestLink, GuestLinkEvents } from './guest-link.ts';
import { RelayClient } from './relay-client.ts';
import { SessionDesk } from './session-desk.ts';
import { SlotRing } from './slot-ring.ts';
import { withId } from './with-id.ts';

/** What a relay works with. */
export interface AgentRelayOptions {
  readonly execLog: ExecLog;
  readonly log: RuntimeLog;
  /** Folder for what slow clients leave unread. */
  readonly spoolDir: string;
  /** Unread bytes of one client before it is cut off. */
  readonly clientLimitBytes?: number;
  /** The agent's report of every second. */
  onHeartbeat(heartbeat: Heartbeat): void;
  /** A client asked the guest to shut down; its frame is on the way. */
  onShutdownRequested(): void;
}

interface Guest {
  readonly link: GuestLink;
  readonly readyFrame: Buffer;
  /** Whether its agent can hold the output of one client. */
  readonly holdsClients: boolean;
}

const CLIENT_LIMIT_BYTES = 256 * 1024 * 1024;
/** Unwritten log bytes from which the guest has to wait. */
const LOG_BACKLOG_BYTES = 8 * 1024 * 1024;
const MAX_GARBAGE_LINES = 20;
/** Length, correlation id and flags. */
const FRAME_BODY_OFFSET = 9;

/**
 * Joins up to 128 clients of `agent.sock` with the guest's one agent (protocol sections 10 and 11): gives each a
 * range of correlation ids, checks what they send, sorts what comes back, and keeps a log of all commands.
 */
export class AgentRelay implements GuestLinkEvents {
  readonly #options: AgentRelayOptions;
  readonly #server: Server;
  readonly #slots = new SlotRing(AGENT_RELAY_MAX_CLIENTS);
  readonly #clients = new Map<number, RelayClient>();
  readonly #sessions = new ExecSessions();
  readonly #desk = new SessionDesk(this.#sessions);
  /** Connections that came before the guest was ready. */
  readonly #early = new Set<Socket>();
  #guest: Guest | null = null;
  #guestIsFull = false;
  #garbage = 0;

  constructor(options: AgentRelayOptions) {
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Commands under way. */
  get activeCommands(): number {
    return this.#sessions.size;
  }

  /** Binds the socket. Clients may connect at once; they are answered when the guest is ready. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#options.log.error(`agent socket: ${error.message}`));
        resolve();
      });
    });
  }

  /** The guest is ready: serves clients from now on. */
  serve(link: GuestLink, readyFrame: Buffer): void {
    this.#guest = {
      link,
      readyFrame,
      holdsClients: extensionsOf(readyFrame).includes(EXTENSIONS.clientFlow),
    };
    link.events = this;
    for (const socket of this.#early) this.#admit(socket);
    this.#early.clear();
  }

  /** Ends all connections and stops listening. */
  async close(): Promise<void> {
    for (const socket of this.#early) socket.destroy();
    for (const client of this.#clients.values()) client.destroy();
    await new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
  }

  onFrame(frame: DecodedFrame): void {
    if (frame.id === 0) {
      this.#hear(frame);
      return;
    }
    const session = this.#sessions.get(frame.id);
    if (session !== undefined) this.#record(session, frame);
    if (session?.kept) session.kept.push(frame.bytes);
    else this.#clients.get(relaySlotOfId(frame.id))?.deliver(frame.bytes);
    if ((frame.flags & FLAG_TERMINAL) !== 0) this.#endSession(frame.id);
  }

  onRead(): void {
    for (const client of this.#clients.values()) client.flush();
  }

  onGarbage(reason: string): void {
    this.#garbage += 1;
    if (this.#garbage <= MAX_GARBAGE_LINES) this.#options.log.warn(`dropped a frame of the guest: ${reason}`);
  }

  onDrain(): void {
    this.#guestIsFull = false;
    for (const client of this.#clients.values()) client.resume();
  }

  onClose(): void {
    for (const client of this.#clients.values()) client.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#guest !== null) {
      this.#admit(socket);
    } else if (this.#early.size < AGENT_RELAY_MAX_CLIENTS) {
      this.#early.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#early.delete(socket));
    } else {
      socket.destroy();
    }
  }

  #admit(socket: Socket): void {
    const guest = this.#guest;
    const slot = socket.destroyed || guest === null ? null : this.#slots.take();
    if (slot === null || guest === null) {
      socket.destroy();
      return;
    }
    const client = new RelayClient(socket, slot, {
      spoolDir: this.#options.spoolDir,
      limitBytes: this.#options.clientLimitBytes ?? CLIENT_LIMIT_BYTES,
      hold: () => guest.link.hold(),
      holdMemory: () => guest.link.holdMemory(),
      onBacklog: (isHigh) => this.#setFlow(client, isHigh),
      onOverflow: (reason) => {
        this.#options.log.warn(`client in slot ${slot} was cut off: ${reason}`);
        socket.destroy();
      },
    });
    this.#clients.set(slot, client);
    if (this.#guestIsFull) client.pause();
    client.start(guest.readyFrame, {
      onFrame: (frame) => this.#fromClient(client, frame),
      onGone: () => this.#dismiss(client),
    });
  }

  #fromClient(client: RelayClient, frame: DecodedFrame): void {
    const verdict = checkClientFrame(frame, client.range);
    if (verdict.action === 'disconnect') {
      this.#options.log.warn(`client in slot ${client.slot} used id ${frame.id}, which is not its own`);
      client.destroy();
    } else if (verdict.action === 'refuse') {
      client.refuse(frame.id, verdict);
    } else if (verdict.action === 'session') {
      this.#desk.answer(client, frame.id, verdict.request);
    } else if (this.#admitMessage(client, frame.id, verdict.message)) {
      const id = this.#desk.of(client, frame.id)?.id ?? frame.id;
      this.#toGuest((link) => link.send(withId(frame.bytes, id), () => client.holdMemory()));
    }
  }

  /** Takes note of a message; false when it must not go on to the guest. */
  #admitMessage(client: RelayClient, id: number, message: Message): boolean {
    if (message.type === 'core.exec.request' && !this.#sessions.start(id, message.payload)) {
      client.refuse(id, {
        kind: 'invalid_session',
        message: 'too many commands at once',
        type: message.type,
      });
      return false;
    }
    if (message.type === 'core.shutdown') this.#options.onShutdownRequested();
    return true;
  }

  /** A client is gone: its commands end unless they are kept, and the guest frees what it held. */
  #dismiss(client: RelayClient): void {
    if (!this.#clients.delete(client.slot)) return;
    // What it read of commands of others flows on without it.
    this.#setFlow(client, false);
    this.#toGuest((link) => {
      for (const { id } of this.#desk.leave(client)) {
        link.sendMessage(id, 'core.exec.signal', { signal: 9 });
      }
      const { start: idStart, endExclusive: idEndExclusive } = client.range;
      return link.sendMessage(0, 'core.relay.client.disconnected', { idStart, idEndExclusive });
    });
    this.#freeSlot(client.slot);
  }

  /** Lets a slot be used again, once no command that a former client left running uses its ids. */
  #freeSlot(slot: number): void {
    const isPinned = this.#sessions.kept().some(({ id }) => relaySlotOfId(id) === slot);
    if (!isPinned && !this.#clients.has(slot)) this.#slots.free(slot);
  }

  #endSession(id: number): void {
    const isKept = this.#sessions.get(id)?.kept;
    this.#sessions.end(id);
    // Whoever sees the end may look at the log next.
    void this.#options.execLog.flush();
    if (isKept) this.#freeSlot(relaySlotOfId(id));
  }

  /** Asks the guest to hold everything that this client reads, or to let it flow. */
  #setFlow(client: RelayClient, held: boolean): void {
    if (!this.#guest?.holdsClients) return;
    const foreign = this.#sessions
      .kept()
      .filter(({ id, kept }) => kept?.viewer?.client === client && !isIdInRange(id, client.range))
      .map(({ id }) => ({ start: id, endExclusive: id + 1 }));
    for (const ids of [client.range, ...foreign]) {
      this.#toGuest((link) => link.send(encodeClientFlow(ids, held)));
    }
  }

  /** Sends to the guest; while it takes no more, no client is read. */
  #toGuest(send: (link: GuestLink) => boolean): void {
    if (this.#guest === null || send(this.#guest.link) || this.#guestIsFull) return;
    this.#guestIsFull = true;
    for (const client of this.#clients.values()) client.pause();
  }

  /** What the agent says to this process and to no client. */
  #hear(frame: DecodedFrame): void {
    try {
      const { type, payload } = decodeAnyEnvelope(frame.body);
      if (type === HEARTBEAT) this.#options.onHeartbeat(decodeHeartbeat(payload));
    } catch (error) {
      this.onGarbage((error as Error).message);
    }
  }

  /** Takes note of how a command goes on; its output goes to the log. */
  #record(session: ExecSession, frame: DecodedFrame): void {
    try {
      const message = decodeDataBody(frame.body) ?? decodeMessage(frame);
      if (message.type === 'core.exec.started') session.pid = message.payload.pid;
      if (message.type === 'core.exec.exited') session.exit = message.payload;
      if (message.type !== 'core.exec.stdout' && message.type !== 'core.exec.stderr') return;
      const source = message.type === 'core.exec.stderr' ? 'stderr' : session.tty ? 'output' : 'stdout';
      this.#options.execLog.output(source, session.number, message.payload.data);
      this.#waitForLog();
    } catch (error) {
      this.onGarbage((error as Error).message);
    }
  }

  #waitForLog(): void {
    const { execLog } = this.#options;
    if (execLog.backlogBytes < LOG_BACKLOG_BYTES || this.#guest === null) return;
    const release = this.#guest.link.hold();
    void execLog.flush().finally(release);
  }
}

function extensionsOf(readyFrame: Buffer): readonly string[] {
  const message = decodeMessage({ flags: 0, body: readyFrame.subarray(FRAME_BODY_OFFSET) });
  return message.type === 'core.ready' ? message.payload.extensions : [];
}
