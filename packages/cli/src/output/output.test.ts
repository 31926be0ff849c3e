import { describe, expect, it } from 'vitest';
import { painter, wantsColour } from './colour.ts';
import { DetailView } from './detail-view.ts';
import { displayWidth, padEnd } from './display-width.ts';
import { renderJson } from './json.ts';
import { jsonStatus, statusLabel } from './status-label.ts';
import { renderTable } from './table.ts';
import { jsonTimestamp, localTimestamp } from './timestamp.ts';
import { truncate } from './truncate.ts';

const plain = painter(false);
const coloured = painter(true);

describe('tables', () => {
  it('set columns four spaces apart and pad all but the last', () => {
    expect(
      renderTable(
        ['NAME', 'STATUS'],
        [
          ['web', 'running'],
          ['longer', 'x'],
        ],
        plain,
      ),
    ).toBe('NAME      STATUS\nweb       running\nlonger    x\n');
  });

  it('count columns, not characters or escapes', () => {
    const rows = [
      [coloured('greenBold', '工作'), 'x'],
      ['abcd', 'y'],
    ];
    expect(renderTable(['N', 'S'], rows, plain)).toBe(
      'N       S\n\x1b[32m\x1b[1m工作\x1b[0m    x\nabcd    y\n',
    );
  });

  it('print nothing without rows', () => {
    expect(renderTable(['NAME'], [], plain)).toBe('');
  });

  it('colour the header with its padding', () => {
    expect(renderTable(['A', 'B'], [['1', '2']], coloured)).toContain('\x1b[36m\x1b[1mA    B\x1b[0m\n');
  });
});

describe('colours', () => {
  it.each([
    [{ TERM: 'xterm' }, true, true],
    [{ TERM: 'xterm' }, false, false],
    [{ TERM: 'dumb' }, true, false],
    [{}, true, false],
    [{ TERM: 'xterm', NO_COLOR: '' }, true, false],
    [{ TERM: 'xterm', CLICOLOR: '0' }, true, false],
    [{ CLICOLOR_FORCE: '1', NO_COLOR: '1' }, false, true],
    [{ CLICOLOR_FORCE: '0', TERM: 'xterm' }, true, true],
  ])('with %j on a terminal (%s): %s', (env, terminal, expected) => {
    expect(wantsColour(env, () => terminal)).toBe(expected);
  });
});

describe('formats', () => {
  it('pads keys of a detail view and keeps a space behind long ones', () => {
    const view = new DetailView(plain)
      .row('Name', 'web')
      .row('Deployment Profile', 'x')
      .section('Resources')
      .indented('CPUs', '1');
    expect(String(view)).toBe('Name:           web\nDeployment Profile: x\n\nResources\n  CPUs:         1\n');
  });

  it('sorts keys of JSON at every level', () => {
    expect(renderJson([{ b: 1, a: { d: null, c: [] } }])).toBe(
      '[\n  {\n    "a": {\n      "c": [],\n      "d": null\n    },\n    "b": 1\n  }\n]\n',
    );
    expect(renderJson([])).toBe('[]\n');
  });

  it('writes times', () => {
    expect(localTimestamp(new Date(2024, 0, 2, 3, 4, 5))).toBe('2024-01-02 03:04:05');
    expect(localTimestamp(null)).toBe('-');
    expect(jsonTimestamp(new Date('2024-01-02T03:04:05Z'))).toBe('2024-01-02T03:04:05+00:00');
    expect(jsonTimestamp(new Date('2024-01-02T03:04:05.060Z'))).toBe('2024-01-02T03:04:05.060+00:00');
  });

  it('cuts long cells and dresses statuses', () => {
    expect(truncate('abcdefgh', 8)).toBe('abcdefgh');
    expect(truncate('abcdefghi', 8)).toBe('abcde...');
    expect(statusLabel('Running', coloured)).toBe('\x1b[32m\x1b[1mrunning\x1b[0m');
    expect(jsonStatus('running')).toBe('Running');
  });

  it('measures width', () => {
    expect(displayWidth('\x1b[31mab\x1b[0m')).toBe(2);
    expect(padEnd('工', 4)).toBe('工  ');
    expect(padEnd('abcde', 2)).toBe('abcde');
  });
});
