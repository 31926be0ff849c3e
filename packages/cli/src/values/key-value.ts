import { InvalidConfigError } from '@microsandbox/types';

/** A key and its value. */
export type KeyValue = readonly [key: string, value: string];

/**
 * `-e KEY=VALUE`, or `-e KEY` for the host's own value (spec: cli 3.4).
 *
 * @throws InvalidConfigError when the host has no such variable
 */
export function parseEnvEntry(text: string, hostEnv: NodeJS.ProcessEnv = process.env): KeyValue {
  const entry = splitAtFirst(text, '=');
  if (entry !== null) return entry;
  const value = hostEnv[text];
  if (value === undefined) {
    throw new InvalidConfigError(`environment variable '${text}' not set`, {
      hint: `export ${text} first, or give the value: -e ${text}=VALUE`,
    });
  }
  return [text, value];
}

/** `--label KEY=VALUE`, or `KEY` for an empty value. */
export function parseLabel(text: string): KeyValue {
  return splitAtFirst(text, '=') ?? [text, ''];
}

/** The two sides of the first `separator`, or null without one. */
export function splitAtFirst(text: string, separator: string): KeyValue | null {
  const at = text.indexOf(separator);
  return at === -1 ? null : [text.slice(0, at), text.slice(at + separator.length)];
}
