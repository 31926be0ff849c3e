import { describe, expect, it } from 'vitest';
import { parseExecLog } from './parse-exec-log.ts';
import { parseExecLogLine, parseTextLogLine } from './parse-log-line.ts';

describe('parseExecLogLine', () => {
  it('skips what is no entry', () => {
    const time = '"t":"2026-05-01T10:00:00.000Z"';
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      `{${time},"s":"other"}`,
      `{${time}}`,
      '{"t":"x","s":"stdout"}',
    ]) {
      expect(parseExecLogLine(text)).toBeNull();
    }
    expect(parseExecLogLine(`{${time},"s":"stdout"}`)?.data).toHaveLength(0);
  });

  it('decodes base64 bodies, and keeps a broken one as it is', () => {
    const body = (d: string) =>
      parseExecLogLine(JSON.stringify({ t: '2026-05-01T10:00:00Z', s: 'stdout', d, id: 1, e: 'b64' }))?.data;
    expect(body('/wA=')).toEqual(Buffer.from([0xff, 0]));
    expect(body('not base64!')).toEqual(Buffer.from('not base64!'));
  });
});

describe('parseExecLog', () => {
  it('reads lines in the form that sandboxes write as JSON.parse does', () => {
    const time = '2026-05-01T10:00:00.000Z';
    const text = (d: string, rest = ',"id":7') =>
      `{"t":"${time}","s":"stdout","d":${d.startsWith('"') ? d : JSON.stringify(d)}${rest}}`;
    const control = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).join('');
    const lines = [
      text('plain'),
      text('a\n'),
      text(''),
      text(control),
      text('\\"\\\\"é🙂\u2028'),
      text('"\\u00e9\\u000A\\/"'),
      text('"\\ud83d\\ude42 \\ud83d"'),
      text('"\\x"'),
      text('"\\u00"'),
      text('"open'),
      text('no id', ''),
      text('large', ',"id":123456789012345678'),
      text('odd', ',"id":07'),
      text('AAA=', ',"id":7,"e":"b64"'),
      text('other', ', "id": 7'),
      text('system').replace('stdout', 'system'),
      text('none').replace('stdout', 'nowhere'),
      text('late').replace('05-01', '13-01'),
      '',
      'nothing',
      text('after', ',"id":8'),
      ...[200, 255, 256, 257, 300, 16_000, 16_630, 40_000].map((n) =>
        text(`${'x'.repeat(n)}\n${'y'.repeat(n)}"`),
      ),
      ...Array.from({ length: 40 }, (_, n) => text(`${'x'.repeat(n)}\t"${'y'.repeat(40 - n)}`)),
    ];
    const expected = lines.map((line) => parseExecLogLine(line)).filter((line) => line !== null);
    for (const lead of [0, 1, 2, 3]) {
      // Wherever the chunk lies in memory.
      const whole = Buffer.from(`${' '.repeat(lead)}${lines.map((line) => `${line}\n`).join('')}`);
      const parsed = parseExecLog(whole.subarray(lead), 1000);
      expect(parsed.map(({ end, ...line }) => ({ ...line, data: Buffer.from(line.data) }))).toEqual(expected);
      const ends = lines.map(
        (_, index) => 1000 + Buffer.byteLength(`${lines.slice(0, index + 1).join('\n')}\n`),
      );
      expect(parsed.map(({ end }) => end).every((end) => ends.includes(end))).toBe(true);
      expect(parsed.at(-1)?.end).toBe(1000 + whole.length - lead);
    }
  });

  it('reads what is no UTF-8 with replacements', () => {
    const start = '{"t":"2026-05-01T10:00:00.000Z","s":"stdout","d":"';
    const end = '","id":1}\n';
    const chunk = Buffer.concat([Buffer.from(`${start}a`), Buffer.from([0xff]), Buffer.from(`b${end}`)]);
    expect(parseExecLog(chunk, 0).map(({ data }) => Buffer.from(data).toString())).toEqual(['a\ufffdb']);
  });
});

describe('parseTextLogLine', () => {
  it('strips terminal escapes and takes the time from the front of a text line', async () => {
    const fallback = 17;
    const parsed = (text: string) => parseTextLogLine(text, fallback);
    expect(parsed('\u001b[2m2026-05-01T10:00:00.000000Z\u001b[0m \u001b[32m INFO\u001b[0m up')).toMatchObject(
      {
        timeMs: Date.parse('2026-05-01T10:00:00.000Z'),
        data: Buffer.from('INFO up\n'),
      },
    );
    expect(parsed('\u001b]0;title\u0007no time')).toMatchObject({
      timeMs: fallback,
      data: Buffer.from('no time\n'),
    });
    expect(parsed('2026-99-99T10:00:00.000Z rest')).toMatchObject({
      timeMs: fallback,
      data: Buffer.from('rest\n'),
    });
  });
});
