import { type AgentClient, type AgentStream, keepExec, type Message } from '@microsandbox/protocol';
import {
  EXEC_FAILURE_KINDS,
  ExecFailedError,
  type ExecFailure,
  ExecTimeoutError,
  RuntimeError,
} from '@microsandbox/types';
import { formatExactDuration } from '@microsandbox/utils';
import type { StdinOption } from '../builders/exec-options-builder.ts';
import type { ExitStatus } from '../values.ts';
import type { ExecEvent } from './exec-event.ts';
import { ExecOutput } from './exec-output.ts';
import { ExecSink } from './exec-sink.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, OutputCapture } from './output-capture.ts';

const SIGKILL = 9;

/** Longest delay a timer takes, some 25 days; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long a killed program may take to be reported as ended. */
const DRAIN_MS = 5000;

/**
 * A running program. Read it event by event, or wait for its end. One reader at a time; signals and resizes
 * go through meanwhile. Output that nobody reads stops the program, not the host.
 *
 * @example
 * await using handle = await sandbox.execStream('make');
 * for await (const event of handle) if (event.kind === 'stdout') process.stdout.write(event.data);
 */
export class ExecHandle implements AsyncIterable<ExecEvent>, AsyncDisposable {
  readonly #client: AgentClient;
  readonly #stream: AgentStream;
  readonly #stdin: StdinOption;
  #sinkTaken = false;
  #ended = false;
  #hasExited = false;

  /** @internal Made by the exec calls of `Sandbox`. */
  constructor(client: AgentClient, stream: AgentStream, stdin: StdinOption) {
    this.#client = client;
    this.#stream = stream;
    this.#stdin = stdin;
    if (stdin.kind !== 'pipe') void this.#feed(stdin);
  }

  /**
   * The next event, or null after the last.
   *
   * @throws AgentLostError when the sandbox goes away first
   */
  async recv(): Promise<ExecEvent | null> {
    while (!this.#ended) {
      const event = await this.#next();
      if (event === null) break;
      if (event.kind === 'exited' || event.kind === 'failed') {
        this.#hasExited = true;
        await this.#end();
      }
      return event;
    }
    return null;
  }

  /** The program's standard input, once, when it was asked for with `stdinPipe()`; else null. */
  async takeStdin(): Promise<ExecSink | null> {
    if (this.#stdin.kind !== 'pipe' || this.#sinkTaken) return null;
    this.#sinkTaken = true;
    return new ExecSink(this.#stream);
  }

  /**
   * Waits for the end; output is thrown away.
   *
   * @throws ExecFailedError when the program never ran
   */
  async wait(): Promise<ExitStatus> {
    const { code } = await this.#drain(() => {});
    return { code, success: code === 0 };
  }

  /**
   * Waits for the end and returns what was written since the last `recv()`: of each stream at most `maxOutputBytes`
   * (64 MiB), the first half and the last, with a marker between them.
   *
   * @throws ExecFailedError when the program never ran
   */
  async collect(maxOutputBytes: number = DEFAULT_MAX_OUTPUT_BYTES): Promise<ExecOutput> {
    const stdout = new OutputCapture(maxOutputBytes);
    const stderr = new OutputCapture(maxOutputBytes);
    const end = await this.#drain((event) => (event.kind === 'stdout' ? stdout : stderr).push(event.data));
    const omittedBytes = stdout.omittedBytes + stderr.omittedBytes;
    return new ExecOutput({ ...end, stdout: stdout.bytes(), stderr: stderr.bytes(), omittedBytes });
  }

  /**
   * Like {@link collect}, within `timeoutMs`; then the program is killed and its output thrown away.
   *
   * @internal
   * @throws ExecTimeoutError
   */
  async collectWithin(timeoutMs: number, maxOutputBytes?: number): Promise<ExecOutput> {
    const collected = this.collect(maxOutputBytes);
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), Math.min(timeoutMs, MAX_TIMER_MS));
    });
    const output = await Promise.race([collected, expired]).finally(() => clearTimeout(timer));
    if (output !== null) return output;
    await this.#killAndDrain(collected);
    throw new ExecTimeoutError(`exec timed out after ${formatExactDuration(timeoutMs)}`, timeoutMs);
  }

  /** Sends a signal, by number, to the program and its children; to one that has ended, nothing. */
  async signal(signal: number): Promise<void> {
    if (this.#hasExited) return;
    await this.#stream.send('core.exec.signal', { signal });
  }

  /** Sends SIGKILL. */
  async kill(): Promise<void> {
    await this.signal(SIGKILL);
  }

  /** Tells the program's terminal its new size. */
  async resize(rows: number, cols: number): Promise<void> {
    if (this.#hasExited) return;
    await this.#stream.send('core.exec.resize', { rows, cols });
  }

  /**
   * Lets the program outlive this handle, which can still be read, and returns the number of its session.
   *
   * @throws UnsupportedOperationError when the sandbox was started by a runtime that cannot keep programs
   */
  async keep(): Promise<number> {
    return keepExec(this.#client, this.#stream.id);
  }

  /**
   * Lets the program outlive this handle and this process, and returns the number of its session for
   * `Sandbox.attachSession`. The handle has ended then; the sandbox itself must be detached too to outlive the process.
   *
   * @throws UnsupportedOperationError when the sandbox was started by a runtime that cannot keep programs
   */
  async detach(): Promise<number> {
    const session = await this.keep();
    await this.#end();
    return session;
  }

  /** Events from here on; leaving the loop neither kills nor closes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ExecEvent, void, void> {
    for (;;) {
      const event = await this.recv();
      if (event === null) return;
      yield event;
    }
  }

  /** Kills the program, unless it has ended, and lets the connection go. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.kill().catch(() => {});
    await this.#end();
  }

  async #next(): Promise<ExecEvent | null> {
    for (;;) {
      const { done, value } = await this.#stream.next().catch(async (error: unknown) => {
        await this.#end();
        throw error;
      });
      if (done) {
        await this.#end();
        return null;
      }
      const event = eventOf(value);
      if (event !== null) return event;
    }
  }

  async #drain(
    onOutput: (event: Extract<ExecEvent, { kind: 'stdout' | 'stderr' }>) => void,
  ): Promise<Extract<ExecEvent, { kind: 'exited' }>> {
    for await (const event of this) {
      if (event.kind === 'stdout' || event.kind === 'stderr') onOutput(event);
      else if (event.kind === 'exited') return event;
      else if (event.kind === 'failed') throw new ExecFailedError(event.failure);
    }
    throw new RuntimeError('runtime error: exec session ended without exit event');
  }

  async #killAndDrain(collected: Promise<unknown>): Promise<void> {
    await this.kill().catch(() => {});
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DRAIN_MS);
    });
    await Promise.race([collected.catch(() => {}), patience]).finally(() => clearTimeout(timer));
    await this.#end();
    collected.catch(() => {});
  }

  /** Hands fixed input over in the background; a program that does not read it is not an error. */
  async #feed(stdin: StdinOption): Promise<void> {
    const sink = new ExecSink(this.#stream);
    try {
      if (stdin.kind === 'bytes') await sink.write(stdin.data);
      await sink.close();
    } catch {
      // The end of the program or of the connection is reported to who reads.
    }
  }

  async #end(): Promise<void> {
    this.#ended = true;
    await this.#client.close();
  }
}

/** The event of a message, or null for one that is none. */
function eventOf(message: Message): ExecEvent | null {
  switch (message.type) {
    case 'core.exec.started':
      return { kind: 'started', pid: message.payload.pid };
    case 'core.exec.stdout':
      return { kind: 'stdout', data: message.payload.data };
    case 'core.exec.stderr':
      return { kind: 'stderr', data: message.payload.data };
    case 'core.exec.exited':
      return { kind: 'exited', ...message.payload };
    case 'core.exec.failed':
      return { kind: 'failed', failure: failureOf(message.payload) };
    case 'core.exec.stdin.error':
      return { kind: 'stdinError', message: message.payload.message };
    case 'core.error':
      throw new RuntimeError(`runtime error: agent refused the program: ${message.payload.message}`);
    default:
      return null;
  }
}

function failureOf(payload: Omit<ExecFailure, 'kind'> & { readonly kind: string }): ExecFailure {
  const kind = EXEC_FAILURE_KINDS.find((known) => known === payload.kind) ?? 'other';
  return { ...payload, kind };
}
