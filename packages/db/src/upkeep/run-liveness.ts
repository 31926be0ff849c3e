import { isProcessAlive, parseUtcTimestamp, processStartedAt } from '@microsandbox/utils';
import type { RunRow } from '../rows.ts';

/** Slack between a process's start, known to about a second, and the time in its run row. */
const CLOCK_SLACK_MS = 5000;

/**
 * Whether the process of a run lives. A process that began after the run was recorded only reuses its pid.
 */
export async function isRunAlive(run: RunRow | null): Promise<boolean> {
  if (run === null || run.pid === null || !(await isProcessAlive(run.pid))) return false;
  const recorded = parseUtcTimestamp(run.started_at);
  if (recorded === null) return true;
  const started = await processStartedAt(run.pid);
  return started !== null && started <= recorded.getTime() + CLOCK_SLACK_MS;
}
