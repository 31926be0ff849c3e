import { connect as http2Connect } from 'node:http2';
import { Duplex } from 'node:stream';
import { SeededRandom } from '@microsandbox/test-utils';
import { describe, expect, it } from 'vitest';
import { HOST, secretFor, VALUE } from '../../../test-support/serving.ts';
import { BlockedConnection } from '../blocked.ts';
import { ConnectionFilter } from '../connection-filter.ts';
import { type ConnectionFacts, planSecrets } from '../eligibility.ts';
import { encodeHpack } from './encode-hpack.ts';
import { FLAG, FRAME, FrameReader, formatFrame } from './frames.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { Http2Filter } from './http2-filter.ts';
import { decodeHuffman } from './huffman.ts';
import type { HeaderField } from './static-table.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const LIMITS = { maxBytes: 64 * 1024, maxFields: 1024 };
const fields = (list: readonly HeaderField[]): string[] => list.map(({ name, value }) => `${name}: ${value}`);

describe('HPACK', () => {
  it('reads the examples of RFC 7541, with and without Huffman', () => {
    const requests = [
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
    ];
    const literal = [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ];
    const huffman = [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      '828684be5886a8eb10649cbf',
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ];
    for (const blocks of [literal, huffman]) {
      const decoder = new HpackDecoder(LIMITS);
      expect(blocks.map((block) => fields(decoder.decode(hex(block))))).toEqual(requests);
    }
  });

  it('reads what it writes, of any length', () => {
    const list = [1, 126, 127, 128, 300, 20_000].map((length) => ({
      name: 'x'.repeat(length),
      value: '\xff'.repeat(length),
    }));
    expect(new HpackDecoder(LIMITS).decode(encodeHpack(list))).toEqual(list);
  });

  it('knows a complete code for Huffman', () => {
    expect(decodeHuffman(hex('f1e3c2e5f23a6ba0ab90f4ff'))).toBe('www.example.com');
    expect(decodeHuffman(hex('6402'))).toBe('302');
    expect(() => decodeHuffman(hex('ffffffff'))).toThrow(RangeError);
    expect(() => decodeHuffman(hex('00'))).toThrow('padding');
    expect(() => decodeHuffman(hex('1fff'))).toThrow('padding');
  });

  it.each([
    ['an index beyond the tables', 'be'],
    ['index 0', '80'],
    ['a table larger than granted', '3fe21f'],
    ['a change of the table after a field', '823f'],
    ['a string beyond the end', '400a61'],
    ['an integer without an end', '7fffffffffffffff'],
    ['half a field', '4001'],
  ])('refuses %s', (_, block) => {
    expect(() => new HpackDecoder(LIMITS).decode(hex(block))).toThrow(RangeError);
  });

  it('keeps no more than its table, and decodes no more than its bound', () => {
    const decoder = new HpackDecoder(LIMITS);
    // 4096 bytes are inserted, then named again and again: a bomb.
    const big = Buffer.concat([hex('4001787fe11d'), Buffer.alloc(3936, 0x61)]);
    expect(decoder.decode(big)).toHaveLength(1);
    expect(() => decoder.decode(Buffer.alloc(20, 0xbe))).toThrow('too long');
    expect(() => new HpackDecoder({ ...LIMITS, maxFields: 3 }).decode(Buffer.alloc(4, 0x82))).toThrow(
      'too many',
    );
    const evicting = new HpackDecoder(LIMITS);
    for (let round = 0; round < 100; round += 1) evicting.decode(big);
    expect(() => evicting.decode(hex('bf'))).toThrow(RangeError);
  });
});

const FACTS: ConnectionFacts = { hostName: HOST, isTls: true, resolvedNames: [HOST], isGateway: false };
const AWAY = { hostName: 'evil.example', resolvedNames: [] };

function filter(facts: Partial<ConnectionFacts> = {}, body = false): Http2Filter {
  const known = { ...FACTS, ...facts };
  const injection = { headers: true, basic_auth: true, query_params: true, body };
  const plan = planSecrets({ secrets: [secretFor({ injection })], on_violation: 'block' }, known);
  return new Http2Filter({ plan, hostName: known.hostName });
}

interface HeadOptions {
  readonly host?: string;
  readonly path?: string;
  readonly more?: readonly (readonly [string, string])[];
  readonly streamId?: number;
  readonly flags?: number;
}

function listOf({ host = HOST, path = '/', more = [] }: HeadOptions): HeaderField[] {
  const all = [[':method', 'POST'], [':scheme', 'https'], [':authority', host], [':path', path], ...more];
  return all.map(([name = '', value = '']) => ({ name, value }));
}

function head(options: HeadOptions = {}): Buffer {
  const { streamId = 1, flags = FLAG.endHeaders } = options;
  return formatFrame(FRAME.headers, flags, streamId, encodeHpack(listOf(options)));
}

const data = (text: string, streamId = 1, flags = 0): Buffer =>
  formatFrame(FRAME.data, flags, streamId, Buffer.from(text));

function refusal(target: Http2Filter, ...frames: readonly Buffer[]): BlockedConnection {
  try {
    for (const frame of frames) target.transform(frame);
  } catch (error) {
    if (error instanceof BlockedConnection) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('HTTP/2 to the host of a secret', () => {
  it('gets values into its fields, as literals that no table keeps', () => {
    const target = filter();
    const basic = `Basic ${Buffer.from('u:$MSB_K').toString('base64')}`;
    const out = target.transform(
      head({
        path: '/p?k=$MSB_K',
        more: [
          ['x-key', 'a $MSB_K'],
          ['authorization', basic],
        ],
        flags: 5,
      }),
    );
    const [frame] = new FrameReader().read(out);
    expect(frame?.flags).toBe(FLAG.endHeaders | FLAG.endStream);
    const list = fields(new HpackDecoder(LIMITS).decode(frame?.payload ?? Buffer.alloc(0)));
    expect(list).toContain(`:path: /p?k=${VALUE}`);
    expect(list).toContain(`x-key: a ${VALUE}`);
    expect(list).toContain(`authorization: Basic ${Buffer.from(`u:${VALUE}`).toString('base64')}`);
    expect(target.request).toEqual({ method: 'POST', path: '/p', host: HOST, streamId: 1 });
  });

  it('comes out the same however it is cut, padded or continued', () => {
    const block = encodeHpack(
      listOf({
        more: [
          ['x-key', '$MSB_K'],
          ['x-long', 'y'.repeat(20_000)],
        ],
      }),
    );
    const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), block.subarray(0, 10), Buffer.alloc(3)]);
    const frames = Buffer.concat([
      formatFrame(FRAME.headers, FLAG.padded | FLAG.priority | FLAG.endStream, 1, padded),
      formatFrame(FRAME.continuation, 0, 1, block.subarray(10, 100)),
      formatFrame(FRAME.continuation, FLAG.endHeaders, 1, block.subarray(100)),
    ]);
    const whole = filter().transform(frames);
    const pieces = new FrameReader().read(whole);
    expect(pieces.map(({ type, flags }) => [type, flags])).toEqual([
      [FRAME.headers, FLAG.endStream],
      [FRAME.continuation, FLAG.endHeaders],
    ]);
    expect(whole.includes(VALUE)).toBe(true);
    for (const size of [1, 7, 1000]) {
      const target = filter();
      const out: Buffer[] = [];
      for (let at = 0; at < frames.length; at += size)
        out.push(target.transform(frames.subarray(at, at + size)));
      expect(Buffer.concat(out).equals(whole)).toBe(true);
    }
  });

  it('passes bodies, trailers and other frames as they are', () => {
    const target = filter();
    target.transform(head());
    const settings = formatFrame(0x4, 0, 0, Buffer.alloc(6));
    for (const frame of [data('body $MSB_K'), settings, formatFrame(0x6, 0, 0, Buffer.alloc(8))]) {
      expect(target.transform(frame).equals(frame)).toBe(true);
    }
    const trailer = formatFrame(FRAME.headers, 5, 1, encodeHpack([{ name: 'x-sum', value: '1' }]));
    expect(target.transform(trailer).length).toBeGreaterThan(0);
    expect(target.end().length).toBe(0);
  });

  it('is refused with a placeholder in a body that cannot be changed, also in two frames', () => {
    const target = filter({}, true);
    target.transform(head());
    expect(refusal(target, data('x$MS'), data('B_Kx')).message).toContain('a body of HTTP/2');
  });
});

describe('HTTP/2 to other hosts', () => {
  it.each<[string, HeadOptions, string, string]>([
    ['a field', { more: [['x-key', '$MSB_K']] }, 'header', 'raw'],
    ['a query', { path: '/?k=%24MSB_K' }, 'query', 'percent_decoded'],
    ['a path', { path: '/$MSB_K' }, 'unknown', 'raw'],
    [
      'credentials',
      { more: [['authorization', `Basic ${Buffer.from('u:$MSB_K').toString('base64')}`]] },
      'authorization_basic',
      'basic_auth_decoded',
    ],
  ])('gives no placeholder away in %s', (_, options, location, matchForm) => {
    const { violation } = refusal(filter(AWAY), head({ ...options, host: 'evil.example' }));
    expect(violation).toMatchObject({ location, matchForm });
  });

  it('gives none away in bodies, each stream by itself', () => {
    const target = filter(AWAY);
    target.transform(head({ host: 'evil.example' }));
    target.transform(head({ host: 'evil.example', streamId: 3 }));
    target.transform(data('$MSB', 1));
    target.transform(data('_K', 3));
    expect(refusal(target, data('_K', 1)).violation).toMatchObject({ location: 'body' });
  });
});

describe('HTTP/2 that servers may read in two ways', () => {
  const trailing = encodeHpack([{ name: 'x', value: 'y' }]);
  it.each<[string, readonly Buffer[]]>([
    ['for another host', [head({ host: 'evil.example' })]],
    ['with another host beside', [head({ more: [['host', 'evil.example']] })]],
    ['with two authorities', [head({ more: [[':authority', HOST]] })]],
    ['with a line feed in a value', [head({ more: [['x', 'a\r\nhost: evil.example']] })]],
    ['with an upper-case name', [head({ more: [['X', 'y']] })]],
    [
      'with pseudo-fields behind others',
      [
        head({
          more: [
            ['x', 'y'],
            [':path', '/z'],
          ],
        }),
      ],
    ],
    ['on an even stream', [head({ streamId: 2 })]],
    ['on a stream of the past', [head({ streamId: 5, flags: 5 }), head({ streamId: 3 })]],
    [
      'with fields in the middle of a body',
      [head(), formatFrame(FRAME.headers, FLAG.endHeaders, 1, trailing)],
    ],
    ['with a frame within fields', [head({ flags: 0 }), data('x')]],
    [
      'with fields of another stream within fields',
      [head({ flags: 0 }), formatFrame(FRAME.continuation, 4, 3, trailing)],
    ],
    ['with a continuation of nothing', [formatFrame(FRAME.continuation, 4, 1, trailing)]],
    ['with a push', [formatFrame(FRAME.pushPromise, 4, 1, Buffer.alloc(4))]],
    ['with a body without a request', [data('x')]],
    ['with a body after its end', [head({ flags: 5 }), data('x')]],
    ['with a body on no stream', [data('x', 0)]],
    [
      'with more padding than frame',
      [formatFrame(FRAME.headers, FLAG.padded | 4, 1, Buffer.from([9, 0x82]))],
    ],
    [
      'with a block that cannot be read',
      [formatFrame(FRAME.headers, FLAG.endHeaders, 1, Buffer.from([0xff]))],
    ],
    ['with a frame too long', [Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]],
  ])('is refused: %s', (_, frames) => {
    expect(refusal(filter(), ...frames).violation).toBeNull();
  });

  it('is refused beyond its bounds', () => {
    const many = filter();
    expect(() => {
      for (let id = 1; id < 3000; id += 2) many.transform(head({ streamId: id }));
    }).toThrow('too many streams');
    const long = filter();
    long.transform(head({ flags: 0 }));
    expect(() => {
      for (let count = 0; count < 2000; count += 1)
        long.transform(formatFrame(FRAME.continuation, 0, 1, Buffer.alloc(0)));
    }).toThrow('too long');
    const half = filter();
    half.transform(Buffer.from([0, 0]));
    expect(() => half.end()).toThrow('within a frame');
  });
});

it('a connection is told by its first bytes', () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const plan = { substitute: [], forbid: [] };
  for (let cut = 1; cut < preface.length; cut += 1) {
    const target = new ConnectionFilter({ plan, hostName: HOST });
    const out = [target.transform(preface.subarray(0, cut)), target.transform(preface.subarray(cut))];
    expect(Buffer.concat(out).equals(preface)).toBe(true);
    expect(target.protocol).toBe('http/2');
  }
  const other = new ConnectionFilter({ plan, hostName: HOST });
  expect(other.transform(Buffer.from('P')).length).toBe(0);
  const rest = `UT / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
  expect(other.transform(Buffer.from(rest)).toString()).toBe(`P${rest}`);
  expect(other.protocol).toBe('http/1.1');
});

/** All characters that a field may hold, many of which Huffman codes make longer. */
const PRINTABLE = `${'aeiost'.repeat(60)}${String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 33 + index))}`;

/** The first bytes that Node's client sends for some requests, without the preface. */
async function nodeRequests(): Promise<Buffer> {
  const out: Buffer[] = [];
  const pipe = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      out.push(Buffer.from(chunk));
      done();
    },
  });
  const session = http2Connect(`https://${HOST}`, { createConnection: () => pipe });
  session.on('error', () => {});
  for (let count = 0; count < 4; count += 1) {
    const call = session.request({
      ':path': `/${count}?k=$MSB_K`,
      'x-key': '$MSB_K',
      'x-all': PRINTABLE,
    });
    call.on('error', () => {});
    call.end('body');
  }
  await expect.poll(() => Buffer.concat(out).length, { interval: 20 }).toBeGreaterThan(200);
  session.destroy();
  return Buffer.concat(out).subarray(24);
}

it('any bytes end in a refusal or pass, and never hang', async () => {
  const good = await nodeRequests();
  const [, sent] = new FrameReader().read(good);
  const priority = ((sent?.flags ?? 0) & FLAG.priority) === 0 ? 0 : 5;
  const seen = fields(new HpackDecoder(LIMITS).decode(sent?.payload.subarray(priority) ?? Buffer.alloc(0)));
  expect(seen).toContain(`x-all: ${PRINTABLE}`);
  const random = new SeededRandom(11);
  expect(() => filter().transform(good)).not.toThrow();
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(good);
    for (let count = 1 + random.below(6); count > 0; count -= 1)
      bytes[random.below(bytes.length)] = random.below(256);
    const target = filter(round % 2 === 0 ? {} : AWAY, round % 3 === 0);
    try {
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.below(200);
        target.transform(bytes.subarray(at, at + size));
        at += size;
      }
      target.end();
    } catch (error) {
      expect(error).toBeInstanceOf(BlockedConnection);
      expect(String(error)).not.toContain(VALUE);
    }
  }
  const decoder = (): HpackDecoder => new HpackDecoder(LIMITS);
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
    try {
      decoder().decode(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
  }
});
