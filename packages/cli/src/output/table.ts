import type { Paint } from './colour.ts';
import { displayWidth, padEnd } from './display-width.ts';

const GAP = 4;

/**
 * A table without borders: columns four spaces apart, header in cyan, last column without padding. No rows, no
 * table, not even the header (spec: cli 14.3).
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string {
  if (rows.length === 0) return '';
  const widths = header.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map(displayWidth)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : padEnd(cell, (widths[column] ?? 0) + GAP)))
      .join('');
  return [paint('cyanBold', line(header)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}
