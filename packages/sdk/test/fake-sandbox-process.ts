/**
 * A sandbox process without a machine: it keeps lock, socket, run row and logs as a real one does, and runs
 * programs on this host. Reads its launch from standard input and says `ready` on standard output.
 */
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Catalog, deleteFinishedEphemeral, RunRepository, sandboxById } from '@microsandbox/db';
import type { LaunchConfig } from '@microsandbox/types';
import { FakeGuest } from './fake-guest.ts';

const WATCH_FD = 3;

const { launch, sandboxId, name, mode } = JSON.parse(await text(process.stdin)) as {
  launch: LaunchConfig;
  sandboxId: number;
  name: string;
  mode: 'attached' | 'detached';
};
const dbDir = dirname(launch.db_path);
const catalog = await Catalog.open({
  layout: { dbDir, dbFile: launch.db_path, migrationLock: join(dbDir, 'msb.db.migration.lock') },
});
const runs = new RunRepository(catalog);

let ending = false;
async function end(reason: 'ShutdownRequested' | 'Signal' | 'Completed'): Promise<void> {
  if (ending) return;
  ending = true;
  await rm(dirname(launch.agent_sock), { recursive: true, force: true });
  await runs.finish(runId, { reason, exitCode: 0, sandbox: { id: sandboxId, status: 'Stopped' } });
  if ((await catalog.read((db) => sandboxById(db, sandboxId)))?.ephemeral === 1) {
    await rm(join(launch.sandboxes_dir, name), { recursive: true, force: true });
    await catalog.write((db) => deleteFinishedEphemeral(db, sandboxId));
  }
  process.exit(0);
}

await mkdir(dirname(launch.agent_sock), { recursive: true, mode: 0o700 });
const guest = new FakeGuest({
  execLog: join(launch.log_dir, 'exec.log'),
  onShutdown: () => void end('ShutdownRequested'),
});
const server = createServer((socket) => guest.serve(socket));
server.listen(launch.agent_sock);
await once(server, 'listening');
const runId = await runs.insert({ sandboxId, pid: process.pid });
process.on('SIGTERM', () => void end('Signal'));
process.on('SIGUSR1', () => void end('Completed'));
if (mode === 'attached') {
  // One byte lets this process go its own way; the end without it means that the owner is gone.
  let released = false;
  new Socket({ fd: WATCH_FD, readable: true, writable: false })
    .on('data', () => {
      released = true;
    })
    .on('close', () => {
      if (!released) void end('Signal');
    });
}
process.stdout.write('ready\n');
