import { formatDuration } from '@microsandbox/utils';
import { Sandbox } from 'microsandbox';
import type { PingOptions } from '../commands/ping.ts';
import { succeeded } from '../progress/action-line.ts';
import { withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';

/** `msb ping`: asks each agent for an answer; that alone does not keep a sandbox from being idle. */
export function pingSandboxes(names: readonly string[], options: PingOptions): Promise<number> {
  return forEachTarget(names, options, async (name) => {
    const handle = await Sandbox.get(name);
    const { latencyMs } = await withSpinner('Pinging', null, name, options, () => handle.ping());
    if (!options.quiet) succeeded('Reachable', `${name} (${formatLatency(latencyMs)})`);
    if (options.touch) await withSpinner('Touching', 'Touched', name, options, () => handle.touch());
  });
}

/** `1.2s`, `12ms` or `340us`, the last at least 1. */
export function formatLatency(ms: number): string {
  if (ms >= 1000) return formatDuration(ms);
  return ms >= 1 ? `${Math.floor(ms)}ms` : `${Math.max(1, Math.floor(ms * 1000))}us`;
}
