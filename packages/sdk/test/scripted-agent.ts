import { createServer, type Server, type Socket } from 'node:net';
import {
  decodeAnyEnvelope,
  decodePayload,
  encodeClientPrologue,
  encodeMessageFrame,
  FrameDecoder,
  type FsOp,
  type FsResponseData,
  relayIdRange,
} from '@microsandbox/protocol';

/** Answers to one file request. */
export interface FsReply {
  ok(data?: FsResponseData | null, pathBytes?: Uint8Array): void;
  refuse(error: string | null): void;
  data(bytes: Uint8Array): void;
  error(message: string): void;
  /** An answer that belongs elsewhere. */
  pong(): void;
  hangUp(): void;
}

export interface AgentScript {
  /** What the agent says that it offers; nothing by default. */
  readonly extensions?: readonly string[];
  onRequest(op: FsOp, reply: FsReply): void;
  /** A piece for a write request, empty at its end. */
  onData?(bytes: Uint8Array, reply: FsReply): void;
}

/** The relay's end of a socket whose guest does as a test says, good or bad. */
export async function serveScript(path: string, script: AgentScript): Promise<Server> {
  const server = createServer((socket) => serve(socket, script));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

function serve(socket: Socket, script: AgentScript): void {
  const ready = encodeMessageFrame(0, 'core.ready', {
    bootTimeNs: 1n,
    initTimeNs: 1n,
    readyTimeNs: 1n,
    agentVersion: '0.0.0',
    extensions: script.extensions,
  });
  socket.write(encodeClientPrologue(relayIdRange(0), ready));
  const decoder = new FrameDecoder();
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    for (const { id, body } of decoder.push(chunk)) {
      const { type, payload } = decodeAnyEnvelope(body);
      const reply = replyOf(socket, id);
      if (type === 'core.fs.request') script.onRequest(decodePayload(type, payload).op as FsOp, reply);
      if (type === 'core.fs.data') script.onData?.(decodePayload(type, payload).data, reply);
    }
  });
}

function replyOf(socket: Socket, id: number): FsReply {
  const respond = (
    ok: boolean,
    error: string | null,
    data: FsResponseData | null,
    pathBytes?: Uint8Array,
  ): void => {
    socket.write(encodeMessageFrame(id, 'core.fs.response', { ok, error, data, pathBytes }));
  };
  return {
    ok: (data = null, pathBytes) => respond(true, null, data, pathBytes),
    refuse: (error) => respond(false, error, null),
    data: (data) => void socket.write(encodeMessageFrame(id, 'core.fs.data', { data })),
    error: (message) =>
      void socket.write(encodeMessageFrame(id, 'core.error', { kind: 'malformed_message', message })),
    pong: () => void socket.write(encodeMessageFrame(id, 'core.pong', {})),
    hangUp: () => void socket.destroy(),
  };
}
