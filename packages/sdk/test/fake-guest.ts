import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import {
  decodeAnyEnvelope,
  decodePayload,
  encodeClientPrologue,
  encodeMessageFrame,
  FrameDecoder,
  type MessageType,
  type PayloadInput,
  relayIdRange,
} from '@microsandbox/protocol';

const FRAME_ID_READY = 0;

/** What a fake guest does beyond running programs. */
export interface FakeGuestOptions {
  readonly execLog: string;
  readonly onShutdown: () => void;
}

/**
 * The relay's end of agent connections, for a sandbox without a machine: programs run on this host, so that
 * what a caller sees of them is real.
 */
export class FakeGuest {
  readonly #options: FakeGuestOptions;
  #slots = 0;
  #sessions = 0;
  #activity = 0n;

  constructor(options: FakeGuestOptions) {
    this.#options = options;
  }

  serve(socket: Socket): void {
    const ready = encodeMessageFrame(FRAME_ID_READY, 'core.ready', {
      bootTimeNs: 1n,
      initTimeNs: 1n,
      readyTimeNs: 1n,
      agentVersion: '0.0.0',
    });
    socket.write(encodeClientPrologue(relayIdRange(this.#slots++ % 128), ready));
    const programs = new Map<number, ChildProcess>();
    const decoder = new FrameDecoder();
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const program of programs.values()) program.kill('SIGKILL');
    });
    socket.on('data', (chunk: Buffer) => {
      for (const frame of decoder.push(chunk)) this.#handle(socket, programs, frame.id, frame.body);
    });
  }

  #handle(socket: Socket, programs: Map<number, ChildProcess>, id: number, body: Buffer): void {
    const { type, payload } = decodeAnyEnvelope(body);
    const reply = <T extends MessageType>(kind: T, content: PayloadInput<T>): void => {
      socket.write(encodeMessageFrame(id, kind, content));
    };
    if (type === 'core.shutdown') this.#options.onShutdown();
    else if (type === 'core.ping') reply('core.pong', {});
    else if (type === 'core.touch') reply('core.touched', { activitySeq: ++this.#activity });
    else if (type === 'core.fs.request') {
      reply('core.fs.response', { ok: false, error: 'not here', data: null });
    } else if (type === 'core.exec.request') {
      this.#exec(programs, id, decodePayload('core.exec.request', payload), reply);
    } else if (type === 'core.exec.stdin') {
      const { data } = decodePayload('core.exec.stdin', payload);
      const stdin = programs.get(id)?.stdin;
      if (data.length === 0) stdin?.end();
      else stdin?.write(data);
    } else if (type === 'core.exec.signal') {
      programs.get(id)?.kill(decodePayload('core.exec.signal', payload).signal);
    }
  }

  #exec(
    programs: Map<number, ChildProcess>,
    id: number,
    request: { cmd: string; args: readonly string[]; env: readonly string[]; cwd: string | null },
    reply: <T extends MessageType>(kind: T, content: PayloadInput<T>) => void,
  ): void {
    const session = ++this.#sessions;
    const env = Object.fromEntries(
      request.env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
    const program = spawn(request.cmd, [...request.args], {
      cwd: request.cwd ?? '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env },
    });
    programs.set(id, program);
    program.stdin.on('error', () => {});
    program.once('error', (error: NodeJS.ErrnoException) => {
      reply('core.exec.failed', {
        kind: error.code === 'ENOENT' ? 'not_found' : 'other',
        errno: Math.abs(error.errno ?? 0),
        errnoName: error.code ?? null,
        message: `spawn "${request.cmd}": ${error.message}`,
        stage: 'spawn',
      });
    });
    program.once('spawn', () => reply('core.exec.started', { pid: program.pid ?? 0 }));
    program.stdout.on('data', (data: Buffer) => {
      reply('core.exec.stdout', { data });
      void this.#log('stdout', data, session);
    });
    program.stderr.on('data', (data: Buffer) => {
      reply('core.exec.stderr', { data });
      void this.#log('stderr', data, session);
    });
    program.once('close', (code, signal) => {
      programs.delete(id);
      if (program.pid !== undefined) reply('core.exec.exited', { code: signal === null ? (code ?? -1) : -1 });
    });
  }

  async #log(source: string, data: Buffer, id: number): Promise<void> {
    const line = JSON.stringify({ t: new Date().toISOString(), s: source, d: data.toString(), id });
    await appendFile(this.#options.execLog, `${line}\n`);
  }
}
