import { describe, expect, it } from 'vitest';
import { painter } from './colour.ts';
import { type LogEntryLike, type LogStyle, logJson, logText } from './log-entry.ts';

const plain = painter(false);
const bare: LogStyle = { timestamps: false, showId: false, colorSessions: false, keepAnsi: false };

function entry(data: string | Buffer, sessionId: number | null = 1): LogEntryLike {
  return {
    timestamp: new Date('2024-01-02T03:04:05.678Z'),
    source: 'stdout',
    sessionId,
    data: Buffer.from(data),
  };
}

describe('log entries', () => {
  it('are JSON lines, in base64 when they are no UTF-8', () => {
    expect(logJson(entry('hi\n'))).toBe(
      '{"d":"hi\\n","e":null,"id":1,"s":"stdout","t":"2024-01-02T03:04:05.678Z"}\n',
    );
    expect(logJson(entry(Buffer.from([0xff]), null))).toContain('{"d":"/w==","e":"b64","id":null,');
  });

  it('keep their bytes and lose the colours of programs', () => {
    expect(logText(entry('a\x1b[31mb\x1b[0m \x1b]0;title\x07c'), bare, plain)).toBe('ab c');
    expect(logText(entry('\x1b[31mb'), { ...bare, keepAnsi: true }, plain)).toBe('\x1b[31mb');
  });

  it('have times on their first lines and room on the others', () => {
    const text = logText(entry('a\n\nb\n'), { ...bare, timestamps: true }, plain);
    expect(text).toBe(`2024-01-02T03:04:05.678Z\ta\n\n${' '.repeat(24)}\tb\n`);
  });

  it('show and colour their sessions', () => {
    expect(logText(entry('a\n', 7), { ...bare, showId: true }, plain)).toBe('[id:  7] a\n');
    expect(logText(entry('a\n', null), { ...bare, showId: true }, plain)).toBe('[id:sys] a\n');
    expect(logText(entry('a\n', 9), { ...bare, colorSessions: true }, plain)).toBe(
      '[id:  9] \x1b[35ma\x1b[0m\n',
    );
  });
});
