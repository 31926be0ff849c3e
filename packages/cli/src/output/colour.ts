import { isTerminal, STDERR, STDOUT } from './terminal.ts';

/** Named styles and their SGR codes; colour comes before weight. */
const STYLES = {
  bold: [1],
  dim: [2],
  red: [31],
  green: [32],
  yellow: [33],
  blue: [34],
  magenta: [35],
  cyan: [36],
  redBold: [31, 1],
  greenBold: [32, 1],
  yellowBold: [33, 1],
  blueBold: [34, 1],
  cyanBold: [36, 1],
} as const;

export type Style = keyof typeof STYLES;

/** Dresses text for one stream; on a stream without colours it returns it as it is. */
export type Paint = (style: Style, text: string) => string;

/**
 * The environment's wish (spec: cli 14.1): `CLICOLOR_FORCE` other than 0 forces colours on, `NO_COLOR` or
 * `CLICOLOR=0` switch them off, and else a terminal whose `TERM` is set and not `dumb` has them.
 */
export function wantsColour(env: NodeJS.ProcessEnv, terminal: () => boolean): boolean {
  const force = env['CLICOLOR_FORCE'];
  if (force !== undefined && force !== '0') return true;
  if (env['NO_COLOR'] !== undefined || env['CLICOLOR'] === '0') return false;
  const term = env['TERM'];
  return term !== undefined && term !== '' && term !== 'dumb' && terminal();
}

/** A {@link Paint} with or without colours. */
export function painter(coloured: boolean): Paint {
  if (!coloured) return (_style, text) => text;
  return (style, text) => `${STYLES[style].map((code) => `\x1b[${code}m`).join('')}${text}\x1b[0m`;
}

/**
 * The paint of standard output and of standard error. Each stream is asked for itself, so that escapes never end up
 * in a file.
 */
export const paintOut: Paint = lazily(STDOUT);
export const paintErr: Paint = lazily(STDERR);

function lazily(fd: number): Paint {
  let paint: Paint | undefined;
  return (style, text) => {
    paint ??= painter(wantsColour(process.env, () => isTerminal(fd)));
    return paint(style, text);
  };
}
