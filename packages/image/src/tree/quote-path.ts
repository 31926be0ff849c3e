const SHOWN = 200;

/** A path of bytes (latin1 string) as it may stand in an error message: quoted, printable, of bounded length. */
export function quotePath(path: string): string {
  const text = Buffer.from(path.slice(0, SHOWN), 'latin1').toString('utf8');
  // JSON escapes quotes, backslashes and C0; the rest of what could move a terminal's cursor is escaped here.
  const quoted = JSON.stringify(path.length > SHOWN ? `${text}…` : text);
  return quoted.replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, escapeCodeUnit);
}

function escapeCodeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
