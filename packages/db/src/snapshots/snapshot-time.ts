/** A moment with up to nine digits of its second, in the two forms that snapshots need. */
export interface SnapshotTime {
  /** As descriptors hold it: UTC with `Z`, no trailing zeros in the fraction. */
  readonly descriptor: string;
  /** As the catalog holds it: `YYYY-MM-DD HH:MM:SS` and 0, 3, 6 or 9 digits. */
  readonly stored: string;
}

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Reads a time of RFC 3339 with any offset.
 *
 * @returns null when it is none, or lies outside of the years 0 to 9999
 */
export function parseSnapshotTime(text: string): SnapshotTime | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const [, , , , , , , fraction = '', sign = '+', offsetHours = '0', offsetMinutes = '0'] = match;
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null;
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second);
  // A day or hour that does not exist rolls over into the next.
  if (local.toISOString().slice(0, 19) !== `${text.slice(0, 10)}T${text.slice(11, 19)}`) return null;
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  const utc = new Date(local.getTime() - (sign === '-' ? -offsetMs : offsetMs)).toISOString();
  if (!/^\d{4}-/.test(utc)) return null;
  const digits = fraction.replace(/0+$/, '');
  const padded = digits.padEnd(Math.ceil(digits.length / 3) * 3, '0');
  return {
    descriptor: `${utc.slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`,
    stored: `${utc.slice(0, 10)} ${utc.slice(11, 19)}${padded === '' ? '' : `.${padded}`}`,
  };
}
