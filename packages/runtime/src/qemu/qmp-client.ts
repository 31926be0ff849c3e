import type { Duplex } from 'node:stream';
import { RuntimeError } from '@microsandbox/types';
import { deferred } from '../async/deferred.ts';

/** Longest line taken from the monitor; a guest may have taken QEMU over. */
const MAX_LINE_BYTES = 1 << 20;

/** What QEMU says first. */
export interface QmpGreeting {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

/** Something that happened in the machine. */
export interface QmpEvent {
  readonly event: string;
  readonly data: unknown;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * QEMU's machine protocol: one JSON object a line, answers in the order of the commands. Commands may be given at
 * once: they wait in the socket until QEMU is there to read them.
 *
 * @example
 * const qmp = new QmpClient(socket);
 * await qmp.ready;
 * await qmp.execute('stop');
 */
export class QmpClient {
  /** Settles when the greeting came and commands are accepted; rejects when the monitor went away before. */
  readonly ready: Promise<QmpGreeting>;
  readonly #socket: Duplex;
  readonly #pending: Pending[] = [];
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #buffered = '';
  #greeted: Pending;
  #closed: Error | null = null;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const greeting = deferred<unknown>();
    this.#greeted = greeting;
    const negotiated = this.execute('qmp_capabilities');
    this.ready = Promise.all([greeting.promise, negotiated]).then(([value]) => versionOf(value));
    // Who never asks for readiness must not see an unhandled rejection.
    this.ready.catch(() => {});
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', () => {});
    const closed = () => this.#fail(new RuntimeError('the monitor of QEMU was closed'));
    socket.on('end', closed);
    socket.on('close', closed);
  }

  /**
   * Runs one command.
   *
   * @throws RuntimeError with QEMU's own text when it refuses, or when the monitor goes away
   */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    const { promise, resolve, reject } = deferred<unknown>();
    this.#pending.push({
      resolve,
      reject: (error) => reject(new RuntimeError(`QEMU ${command}: ${error.message}`, { cause: error })),
    });
    this.#socket.write(
      `${JSON.stringify(args ? { execute: command, arguments: args } : { execute: command })}\n`,
    );
    return promise;
  }

  /** Calls `listener` for each event; returns a function that ends this. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#buffered += text;
    for (;;) {
      const end = this.#buffered.indexOf('\n');
      if (end < 0) break;
      const line = this.#buffered.slice(0, end);
      this.#buffered = this.#buffered.slice(end + 1);
      this.#handle(line);
    }
    if (this.#buffered.length > MAX_LINE_BYTES) {
      this.#fail(new RuntimeError('QEMU sent a line that is too long'));
      this.#socket.destroy();
    }
  }

  #handle(line: string): void {
    const message = parseObject(line);
    if (message === null) return;
    if ('QMP' in message) this.#greeted.resolve(message['QMP']);
    else if ('return' in message) this.#pending.shift()?.resolve(message['return']);
    else if ('error' in message) this.#pending.shift()?.reject(new Error(descriptionOf(message['error'])));
    else if (typeof message['event'] === 'string') {
      const event = { event: message['event'], data: message['data'] };
      for (const listener of this.#listeners) listener(event);
    }
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    this.#greeted.reject(error);
    for (const pending of this.#pending.splice(0)) pending.reject(error);
  }
}

function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function descriptionOf(error: unknown): string {
  const { desc } = (error ?? {}) as { desc?: unknown };
  return typeof desc === 'string' ? desc : 'unknown error';
}

function versionOf(greeting: unknown): QmpGreeting {
  const { version } = (greeting ?? {}) as { version?: { qemu?: Partial<QmpGreeting> } };
  const { major = 0, minor = 0, micro = 0 } = version?.qemu ?? {};
  return { major, minor, micro };
}
