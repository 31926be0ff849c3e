import { describe, expect, it } from 'vitest';
import { parseVsock } from './vsock.ts';

describe('--vsock', () => {
  it('is parted at the last colon', () => {
    expect(parseVsock('/run/a:b.sock:5000')).toEqual({ path: '/run/a:b.sock', port: 5000, type: 'stream' });
    expect(parseVsock('/s:1/dgram')).toEqual({ path: '/s', port: 1, type: 'dgram' });
  });

  it.each(['/s', '/s:', ':5', '/s:x', '/s:5/seqpacket'])('refuses %s', (text) => {
    expect(() => parseVsock(text)).toThrow(
      `--vsock must use HOST_PATH:PORT[/stream|/dgram], got ${JSON.stringify(text)}`,
    );
  });
});
