import { type ControlRequest, parseControlRequest } from './control-request.ts';
import type { SecretsUpdater } from './secrets-updater.ts';

/** What a running sandbox can change about itself. */
interface ControlCapabilities {
  readonly cpu_resize: boolean;
  readonly memory_resize: boolean;
  readonly secrets_update: boolean;
}

/** The answer to one request, keys as they are on the wire (spec: runtime A8). */
export interface ControlReply {
  readonly ok: boolean;
  readonly error?: string;
  readonly capabilities?: ControlCapabilities;
}

const NO_MEMORY_HOTPLUG = 'this VM booted without memory hotplug capacity';
const NO_CPU_HOTPLUG = 'this VM booted without CPU capacity';
const NO_SECRETS = 'live secret reconfiguration is not available for this sandbox';

/**
 * Answers one line. No driver adds memory or processors to a running machine, so asking for either is refused; null
 * for a sandbox without secrets.
 */
export async function controlReply(line: string, secrets: SecretsUpdater | null): Promise<ControlReply> {
  let request: ControlRequest;
  try {
    request = parseControlRequest(line);
  } catch (error) {
    return refusal(`invalid control request: ${(error as Error).message}`);
  }
  switch (request.op) {
    case 'capabilities':
      return {
        ok: true,
        capabilities: { cpu_resize: false, memory_resize: false, secrets_update: secrets !== null },
      };
    case 'memory_target':
    case 'memory_state':
      return refusal(NO_MEMORY_HOTPLUG);
    case 'cpu_target':
    case 'cpu_state':
      return refusal(NO_CPU_HOTPLUG);
    case 'secrets_update':
      return secrets === null ? refusal(NO_SECRETS) : await update(request.changes, secrets);
  }
}

/** The first change that fails keeps the rest from happening. */
async function update(
  changes: Extract<ControlRequest, { op: 'secrets_update' }>['changes'],
  secrets: SecretsUpdater,
): Promise<ControlReply> {
  try {
    for (const change of changes) await secrets.apply(change);
    return { ok: true };
  } catch (error) {
    return refusal((error as Error).message);
  }
}

function refusal(error: string): ControlReply {
  return { ok: false, error };
}
