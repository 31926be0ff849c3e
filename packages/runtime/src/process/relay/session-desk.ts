import {
  type ExecSessionEntry,
  type ExecSessionMessageType,
  encodeExecSessionMessage,
  encodeFrame,
  encodeMessageFrame,
  execSessionFlags,
  isIdInRange,
} from '@microsandbox/protocol';
import type { SessionRequest } from './check-client-frame.ts';
import type { ExecSession, ExecSessions } from './exec-sessions.ts';
import { KeptOutput } from './kept-output.ts';
import type { RelayClient } from './relay-client.ts';

/**
 * Answers clients about commands that outlive their client: keeps them, lists them, hands them to others
 * (`exec-session-messages.ts` of the protocol package).
 */
export class SessionDesk {
  readonly #sessions: ExecSessions;

  constructor(sessions: ExecSessions) {
    this.#sessions = sessions;
  }

  answer(client: RelayClient, id: number, request: SessionRequest): void {
    switch (request.type) {
      case 'core.exec.keep':
        this.#keep(client, id, request.payload.id);
        break;
      case 'core.exec.sessions':
        reply(client, id, 'core.exec.sessions.list', { sessions: this.#sessions.list().map(entryOf) });
        break;
      case 'core.exec.attach':
        this.#attach(client, id, request.payload.session);
        break;
    }
  }

  /** The command that a client means by `id`: one of its own, or one that it was attached to. */
  of(client: RelayClient, id: number): ExecSession | undefined {
    return (
      this.#sessions.get(id) ??
      this.#sessions.kept().find(({ kept }) => kept?.viewer?.client === client && kept.viewer.id === id)
    );
  }

  /** A client is gone: its kept commands run on unseen. @returns those that nobody keeps */
  leave(client: RelayClient): ExecSession[] {
    for (const { kept } of this.#sessions.kept()) if (kept?.viewer?.client === client) kept.hide();
    return this.#sessions.within(client.range).filter(({ kept }) => kept === null);
  }

  #keep(client: RelayClient, id: number, target: number): void {
    const session = isIdInRange(target, client.range) ? this.#sessions.get(target) : this.of(client, target);
    if (session === undefined) {
      refuse(client, id, 'core.exec.keep', `no command runs under id ${target}`);
      return;
    }
    if (session.kept === null) {
      if (!this.#sessions.hasRoomToKeep) {
        refuse(client, id, 'core.exec.keep', 'too many commands are kept already');
        return;
      }
      session.kept = new KeptOutput(session.tty, { client, id: target });
    }
    reply(client, id, 'core.exec.kept', { session: session.number });
  }

  #attach(client: RelayClient, id: number, number: number): void {
    const session = this.#sessions.find(number);
    if (session === undefined || session.kept === null) {
      refuse(client, id, 'core.exec.attach', `no session ${number} can be attached`);
    } else if (session.kept.viewer !== null && session.exit === null) {
      refuse(client, id, 'core.exec.attach', `session ${number} is attached elsewhere`);
    } else {
      if (session.pid !== null)
        client.deliver(encodeMessageFrame(id, 'core.exec.started', { pid: session.pid }));
      session.kept.show({ client, id });
      if (session.exit !== null) client.deliver(encodeMessageFrame(id, 'core.exec.exited', session.exit));
    }
  }
}

function entryOf(session: ExecSession): ExecSessionEntry {
  const { number, command, tty, pid, startedAt, kept, exit } = session;
  return {
    session: number,
    command,
    tty,
    pid,
    startedAt: BigInt(startedAt),
    kept: kept !== null,
    attached: exit === null && (kept === null || kept.viewer !== null),
    exitCode: exit?.code ?? null,
    signal: exit?.signal ?? null,
  };
}

function reply<T extends ExecSessionMessageType>(
  client: RelayClient,
  id: number,
  type: T,
  payload: Parameters<typeof encodeExecSessionMessage<T>>[1],
): void {
  client.deliver(
    encodeFrame({ id, flags: execSessionFlags(type), body: encodeExecSessionMessage(type, payload) }),
  );
}

function refuse(client: RelayClient, id: number, type: string, message: string): void {
  client.refuse(id, { kind: 'invalid_session', message, type });
}
