import type { Paint } from '../output/colour.ts';
import { padEnd } from '../output/display-width.ts';
import { VERB_WIDTH } from './action-line.ts';
import type { LayerState, PullState } from './pull-state.ts';

/** Room of the terminal. */
export interface ViewSize {
  readonly columns: number;
  readonly rows: number;
}

const BAR_CELLS = 36;
/** Columns of a layer's line without its bar: indent, label, bytes, phase and the gaps between. */
const AROUND_BAR = 60;
const SMALLEST_BAR = 8;

/**
 * The lines of the pull display (spec: cli 14.4), none wider than the terminal and no more than it has rows, so that
 * they can be drawn over.
 */
export function renderPull(
  state: PullState,
  reference: string,
  tick: string,
  size: ViewSize,
  paint: Paint,
): string[] {
  const head = `${padEnd(state.verb, VERB_WIDTH)} ${reference}${state.suffix}`;
  const room = Math.max(1, size.rows - 2);
  const shown = state.layers.map((layer, index) => ({ layer, index })).slice(-room);
  const cells = Math.max(SMALLEST_BAR, Math.min(BAR_CELLS, size.columns - AROUND_BAR));
  const lines = shown.map(({ layer, index }) => layerLine(layer, index, state.layers.length, cells, paint));
  return [`   ${tick} ${[...head].slice(0, Math.max(1, size.columns - 6)).join('')}`, ...lines];
}

function layerLine(
  layer: LayerState | undefined,
  index: number,
  count: number,
  cells: number,
  paint: Paint,
): string {
  const label = `     layer ${String(index + 1).padStart(String(count).length)}/${count}`;
  if (layer?.phase === 'done') return `${label}  ${paint('green', '✓')}`;
  const done = layer?.doneBytes ?? 0;
  const total = layer?.totalBytes ?? null;
  const filled = total === null || total === 0 ? 0 : Math.min(cells, Math.floor((done / total) * cells));
  const bar = `${'━'.repeat(filled)}${paint('dim', '╌'.repeat(cells - filled))}`;
  if (layer === undefined) return `${label}  ${bar}`;
  const downloads = layer.phase === 'downloading' || layer.phase === 'verifying';
  const bytes = total === null ? binaryBytes(done) : `${binaryBytes(done)}/${binaryBytes(total)}`;
  return `${label}  ${bar}  ${bytes}  ${paint(downloads ? 'magenta' : 'blue', layer.phase)}`;
}

/** Two decimals, so that a moving number keeps moving. */
function binaryBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(2)} ${units[unit]}`;
}
