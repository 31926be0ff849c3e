// Logs 200 MiB as a sandbox that prints them, in small pieces and in large ones, and tells by how many bytes the
// memory of this process grew at its peak. `node print-much.ts <exec.log>`
import { ExecLog } from '../src/process/journal/exec-log.ts';

/** What the relay lets wait before it holds the guest's output back. */
const BACKLOG_BYTES = 4 << 20;

const log = new ExecLog(process.argv[2] ?? '');
let peak = 0;
const before = process.memoryUsage.rss();
for (const bytes of [200, 32_000]) {
  const piece = Buffer.from(`${'é'.repeat(bytes / 2 - 1)}"\n`);
  for (let printed = 0; printed < 100 << 20; printed += piece.length) {
    log.output('stdout', 1, piece);
    if (log.backlogBytes <= BACKLOG_BYTES) continue;
    await log.flush();
    peak = Math.max(peak, process.memoryUsage.rss());
  }
}
await log.close();
process.stdout.write(`${peak - before}`);
