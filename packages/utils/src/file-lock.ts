import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { NativeAddon } from '@microsandbox/native';
import { RuntimeError } from '@microsandbox/types';
import { sleep } from './sleep.ts';

/** How a lock is shared: many `shared` holders, or one `exclusive`. */
export type FileLockMode = 'exclusive' | 'shared';

/** How to wait for a lock. */
export interface FileLockOptions {
  readonly mode?: FileLockMode;
  /** Milliseconds to wait; for ever when absent. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FIRST_DELAY_MS = 5;
const MAX_DELAY_MS = 100;
const OPEN_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

/**
 * A held `flock(2)`. The lock belongs to the open file description, so a child that inherits {@link fd} holds
 * it too. The file itself is never removed: a lock on a removed name would exclude nobody.
 */
export class FileLock implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  #open = true;

  /** Use {@link acquireFileLock} or {@link tryFileLock}. */
  constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Descriptor to hand to a child process. */
  get fd(): number {
    return this.#file.fd;
  }

  /** Gives the lock up for every holder of this description, children included. Repeatable. */
  async release(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    (await loadAddon()).tryFlock(this.#file.fd, 'unlock');
    await this.#file.close();
  }

  /** Closes this process's descriptor only: a child that inherited it keeps the lock. Repeatable. */
  async handOver(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/**
 * Takes a lock if nobody stands in the way; null when somebody does. The file (mode 0600) and its folders
 * (0700) are made when missing; a symbolic link is refused.
 */
export async function tryFileLock(path: string, mode: FileLockMode = 'exclusive'): Promise<FileLock | null> {
  const file = await openLockFile(path);
  let taken = false;
  try {
    taken = (await loadAddon()).tryFlock(file.fd, mode);
  } finally {
    if (!taken) await file.close();
  }
  return taken ? new FileLock(path, file) : null;
}

/**
 * Takes a lock, waiting for it without blocking the event loop.
 *
 * @throws RuntimeError when `timeoutMs` passed
 */
export async function acquireFileLock(path: string, options: FileLockOptions = {}): Promise<FileLock> {
  const { mode = 'exclusive', timeoutMs = Number.POSITIVE_INFINITY, signal } = options;
  const deadline = performance.now() + timeoutMs;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
    signal?.throwIfAborted();
    const lock = await tryFileLock(path, mode);
    if (lock !== null) return lock;
    const left = deadline - performance.now();
    if (left <= 0) throw new RuntimeError(`runtime error: timed out waiting for the lock ${path}`);
    await sleep(Math.min(delay, left), { signal });
  }
}

async function openLockFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, OPEN_FLAGS, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, OPEN_FLAGS, 0o600);
  }
}

/** Loaded with the first lock, because most commands take none. */
async function loadAddon(): Promise<NativeAddon> {
  const { addon } = await import('@microsandbox/native');
  return addon();
}
