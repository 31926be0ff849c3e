import { type HostConfig, InvalidConfigError } from '@microsandbox/types';

/** Templates kept when the configuration says nothing. */
const DEFAULT_MAX_TEMPLATES = 4;

/** Whether sandboxes wake from templates, and how many templates are kept. */
export interface WarmSetting {
  readonly mode: 'auto' | 'off';
  readonly maxTemplates: number;
}

/**
 * The user's wish: `MSB_WARM`, else the key `warm` of the configuration, which is `"auto"`, `"off"` or an object
 * with `mode` and `max_templates`.
 *
 * @throws InvalidConfigError
 */
export function warmSetting(options: {
  readonly env: NodeJS.ProcessEnv;
  readonly config: HostConfig;
}): WarmSetting {
  const configured: unknown = options.config['warm'] ?? 'auto';
  const fields =
    typeof configured === 'object' ? (configured as Record<string, unknown>) : { mode: configured };
  const fromEnv = options.env['MSB_WARM'];
  const mode = fromEnv
    ? modeOf(fromEnv, 'MSB_WARM')
    : modeOf(fields['mode'] ?? 'auto', 'warm in config.json');
  const maxTemplates = fields['max_templates'] ?? DEFAULT_MAX_TEMPLATES;
  if (!Number.isSafeInteger(maxTemplates) || (maxTemplates as number) < 1) {
    throw new InvalidConfigError('invalid config: warm.max_templates must be a whole number from 1 on');
  }
  return { mode, maxTemplates: maxTemplates as number };
}

function modeOf(value: unknown, from: string): WarmSetting['mode'] {
  if (value === 'auto' || value === 'off') return value;
  throw new InvalidConfigError(`invalid config: ${from} must be 'auto' or 'off', got "${String(value)}"`);
}
