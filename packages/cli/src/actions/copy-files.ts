import { CustomError } from '@microsandbox/types';
import { Sandbox, type SandboxFsSession } from 'microsandbox';
import type { CopyOptions } from '../commands/copy.ts';
import { copyBetween, type OpenEndpoint } from '../copy/copy-between.ts';
import { type CopyEndpoint, parseCopyEndpoint } from '../copy/copy-endpoint.ts';
import { untilInterrupted } from '../copy/until-interrupted.ts';
import { isTerminal, STDIN, STDOUT } from '../output/terminal.ts';
import { type ReadySandbox, resolveAndStart, stopOwned } from './resolve-and-start.ts';

/** `msb copy` (spec: cli 6.16), with tar archives on the standard streams as well. */
export async function copyFiles(source: string, destination: string, options: CopyOptions): Promise<number> {
  const from = parseCopyEndpoint(source);
  const to = parseCopyEndpoint(destination);
  assertUsable(from, to);
  const ready = new Map<string, ReadySandbox>();
  const sessions: SandboxFsSession[] = [];
  const open = async (endpoint: CopyEndpoint): Promise<OpenEndpoint> => {
    if (endpoint.kind !== 'sandbox') return endpoint;
    const files = await (await connected(endpoint.sandbox, ready, options)).fsSession();
    sessions.push(files);
    return { ...endpoint, files };
  };
  const close = async (): Promise<void> => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
  };
  try {
    const ends = { from: await open(from), to: await open(to) };
    await untilInterrupted(copyBetween(ends.from, ends.to), close);
    return 0;
  } finally {
    await close();
    for (const sandbox of ready.values()) await stopOwned(sandbox);
  }
}

/** The sandbox of that name, started if need be; both ends may be in the same one. */
async function connected(
  name: string,
  ready: Map<string, ReadySandbox>,
  options: CopyOptions,
): Promise<Sandbox> {
  const known = ready.get(name) ?? (await resolveAndStart(await Sandbox.get(name), options));
  ready.set(name, known);
  return known.sandbox;
}

function assertUsable(from: CopyEndpoint, to: CopyEndpoint): void {
  if (from.kind !== 'sandbox' && to.kind !== 'sandbox') {
    throw new CustomError('msb copy requires at least one sandbox endpoint (SANDBOX:/path)');
  }
  if (from.kind === 'archive' && isTerminal(STDIN)) {
    throw new CustomError('standard input is a terminal, not a tar archive', { hint: 'add: < FILE.tar' });
  }
  if (to.kind === 'archive' && isTerminal(STDOUT)) {
    throw new CustomError('a tar archive is nothing for a terminal', { hint: 'add: > FILE.tar' });
  }
}
