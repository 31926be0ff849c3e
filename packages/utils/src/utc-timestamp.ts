let lastMs = 0;
let sequence = 0;

/**
 * Time as the catalog stores it: `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`, UTC, always 9 digits because stored times
 * are compared as text (spec: state 5). Without an argument: now, later than every earlier answer of this
 * process within the same millisecond (the last six digits count).
 */
export function utcTimestamp(time?: Date | number): string {
  if (time !== undefined) return format(Number(time), 0);
  const now = Date.now();
  sequence = now === lastMs ? sequence + 1 : 0;
  lastMs = now;
  return format(now, sequence);
}

function format(ms: number, submillisecond: number): string {
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(submillisecond).padStart(6, '0')}`;
}

const STORED_FORM = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z?$/;

/** Reads a stored time, also one without fraction or with `T`. Null for null and for anything unreadable. */
export function parseUtcTimestamp(text: string | null): Date | null {
  const match = STORED_FORM.exec(text ?? '');
  if (match === null) return null;
  const [, date, clock, fraction = ''] = match;
  const time = new Date(`${date}T${clock}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  return Number.isNaN(time.getTime()) ? null : time;
}
