/** `YYYY-MM-DD HH:MM:SS` in local time, or `-`. */
export function localTimestamp(date: Date | null): string {
  if (date === null) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** RFC 3339 in UTC with `+00:00`, and milliseconds only when there are any. */
export function jsonTimestamp(date: Date | null): string | null {
  return date === null ? null : date.toISOString().replace(/(?:\.000)?Z$/, '+00:00');
}
