import type { Paint, Style } from './colour.ts';

const STYLES: Readonly<Record<string, Style>> = {
  created: 'dim',
  starting: 'yellowBold',
  running: 'greenBold',
  draining: 'yellowBold',
  paused: 'yellowBold',
  stopped: 'dim',
  crashed: 'redBold',
};

/** A status in a table: lower case, coloured. */
export function statusLabel(status: string, paint: Paint): string {
  const text = status.toLowerCase();
  const style = STYLES[text];
  return style === undefined ? text : paint(style, text);
}

/** A status in JSON: capitalised. */
export function jsonStatus(status: string): string {
  return status.charAt(0).toUpperCase() + status.slice(1).toLowerCase();
}
