import { SeededRandom } from '@microsandbox/test-utils';
import { ProtocolError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { comparable, vectors } from '../test/vectors.ts';
import { decodeCbor } from './cbor/decode-cbor.ts';
import { encodeCbor } from './cbor/encode-cbor.ts';
import {
  decodeEnvelope,
  decodeMessage,
  decodePayload,
  encodeEnvelope,
  encodeMessage,
  encodeMessageFrame,
} from './envelope.ts';
import { FrameDecoder } from './frame-decoder.ts';
import type { MessageType } from './message-types.ts';
import type { PayloadInput } from './payloads/table.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

function frameOf(frameHex: string) {
  const [frame] = [...new FrameDecoder().push(hex(frameHex))];
  if (frame === undefined) throw new Error('no frame');
  return frame;
}

describe('vectors', () => {
  it.each(vectors.frames)('$name decodes to its payload and encodes to its bytes', (vector) => {
    const frame = frameOf(vector.frameHex);
    expect(frame).toMatchObject({ id: vector.id, flags: vector.flags });
    const envelope = decodeEnvelope(frame.body);
    expect(envelope).toMatchObject({ version: vector.version, type: vector.type });
    expect(comparable(decodeCbor(envelope.payload))).toEqual(comparable(vector.payload));

    const message = decodeMessage(frame);
    const again = encodeMessageFrame(vector.id, message.type, message.payload as PayloadInput<MessageType>);
    expect(again.toString('hex')).toBe(vector.frameHex);
  });

  it('covers every frame of the specification', () => {
    expect(vectors.frames).toHaveLength(24);
  });
});

describe('encodeMessage', () => {
  const encoded = <T extends MessageType>(name: string, type: T, payload: PayloadInput<T>) => {
    const vector = vectors.frames.find((candidate) => candidate.name === name);
    expect(encodeMessageFrame(vector?.id ?? 0, type, payload).toString('hex')).toBe(vector?.frameHex);
  };

  it('writes defaults a caller left out', () => {
    encoded('exec-request', 'core.exec.request', { cmd: '/bin/echo', args: ['hi'] });
  });

  it('takes camelCase names and numbers or bigints for 64-bit integers', () => {
    encoded('fs-request-stat', 'core.fs.request', {
      op: { kind: 'Stat', path: '/etc', followSymlink: true },
    });
    encoded('fs-request-read', 'core.fs.request', { op: { kind: 'Read', handle: 1n, offset: 0 } });
    encoded('clock-sync', 'core.clock.sync', { unixTimeNanos: 1_700_000_000_123_456_789n });
    encoded('fs-response-handle', 'core.fs.response', { ok: true, data: { Handle: 1 as unknown as bigint } });
  });

  it('stamps the generation asked for', () => {
    expect(decodeEnvelope(encodeMessage('core.ping', {}, { version: 5 })).version).toBe(5);
  });

  it.each([
    ['u16', () => encodeMessage('core.exec.resize', { rows: 65_536, cols: 1 })],
    ['u64', () => encodeMessage('core.clock.sync', { unixTimeNanos: -1n })],
    ['u64', () => encodeMessage('core.clock.sync', { unixTimeNanos: 2 ** 60 })],
    ['i32', () => encodeMessage('core.exec.signal', { signal: 9.5 })],
    [
      'missing field `cmd`',
      () => encodeMessage('core.exec.request', {} as PayloadInput<'core.exec.request'>),
    ],
  ])('refuses a value that is no %s', (text, encode) => {
    expect(encode).toThrow(ProtocolError);
    expect(encode).toThrow(text);
  });
});

describe('decodeEnvelope', () => {
  it('refuses an unknown type and missing keys', () => {
    const body = encodeEnvelope({ version: 9, type: 'core.later', payload: hex('a0') });
    expect(() => decodeEnvelope(body)).toThrow('unknown message type: core.later');
    expect(() => decodeEnvelope(encodeCbor({ v: 7, t: 'core.ping' }))).toThrow('missing field `p`');
    expect(() => decodeEnvelope(encodeCbor({ v: 256, t: 'core.ping', p: hex('a0') }))).toThrow('u8');
    expect(() => decodeEnvelope(hex('80'))).toThrow('expected a map');
  });

  it('takes keys in any order and ignores those it does not know', () => {
    const body = encodeCbor({ x: { y: [1.5] }, p: hex('a0'), t: 'core.pong', v: 3 });
    expect(decodeMessage({ flags: 1, body })).toEqual({
      type: 'core.pong',
      payload: {},
      flags: 1,
      version: 3,
    });
  });
});

describe('decodePayload is as tolerant as the reference decoder', () => {
  it('takes shuffled, unknown and missing keys', () => {
    const payload = encodeCbor({ later: { deep: [null] }, tty: true, cmd: 'sh' });
    expect(decodePayload('core.exec.request', payload)).toEqual({
      cmd: 'sh',
      args: [],
      env: [],
      cwd: null,
      user: null,
      tty: true,
      rows: 24,
      cols: 80,
      rlimits: [],
    });
  });

  it.each([
    ['tag 64 before bytes', 'a1 64 64617461 d840 43 616263'],
    ['an array of integers for bytes', 'a1 64 64617461 83 1861 1862 1863'],
    ['an indefinite map', 'bf 64 64617461 43 616263 ff'],
    ['indefinite bytes', 'a1 64 64617461 5f 42 6162 41 63 ff'],
    ['over-long lengths', 'b90001 7a00000004 64617461 5b0000000000000003 616263'],
    ['nested tags before everything', 'c1 d9d9f7 a1 c2 64 64617461 c3 c4 43 616263'],
  ])('takes %s', (_name, payload) => {
    expect(decodePayload('core.exec.stdout', hex(payload)).data.toString()).toBe('abc');
  });

  it('reads undefined and null as none', () => {
    const text = decodePayload(
      'core.exec.stdin.error',
      hex('a2 65 6572726e6f f7 67 6d657373616765 7f 61 6f 61 6b ff'),
    );
    expect(text).toEqual({ errno: null, errnoName: null, message: 'ok' });
  });

  it('reads small and large 64-bit integers as bigint', () => {
    const of = (bytes: string) =>
      decodePayload('core.touched', hex(`a1 6c 61637469766974795f736571 ${bytes}`));
    expect(of('01').activitySeq).toBe(1n);
    expect(of('1b ffffffffffffffff').activitySeq).toBe((1n << 64n) - 1n);
  });

  it.each([
    ['a float for an integer', 'core.exec.exited', 'a1 64 636f6465 fb 4038000000000000', 'field `code`'],
    ['an integer out of range', 'core.exec.started', 'a1 63 706964 1b 0000000100000000', 'field `pid`'],
    ['a missing field', 'core.exec.exited', 'a0', 'missing field `code`'],
    ['a null for a required field', 'core.exec.exited', 'a1 64 636f6465 f6', 'missing field `code`'],
    ['a repeated key', 'core.exec.exited', 'a2 64 636f6465 00 64 636f6465 00', 'repeat'],
    ['bytes behind the item', 'core.pong', 'a0 a0', 'cbor decode error'],
    ['an unknown operation', 'core.fs.request', 'a1 62 6f70 a1 63 466f6f a0', 'unknown variant "Foo"'],
    ['a cut item', 'core.exec.exited', 'a1 64 636f', 'cbor decode error'],
    ['an endless array', 'core.pong', '9b 7fffffffffffffff', 'cbor decode error'],
    ['a huge array that ends early', 'core.pong', '9a ffffffff 00', 'cbor decode error'],
  ] as const)('refuses %s', (_name, type, payload, text) => {
    expect(() => decodePayload(type, hex(payload))).toThrow(ProtocolError);
    expect(() => decodePayload(type, hex(payload))).toThrow(text);
  });

  it('bounds depth and number of items', () => {
    expect(() => decodeCbor(Buffer.alloc(1_000_000, 0x81))).toThrow('nested deeper');
    expect(() => decodeCbor(Buffer.alloc(4_000_000, 0x9f))).toThrow('nested deeper');
    const many = Buffer.alloc(3_000_000, 0x80);
    many[0] = 0x9f;
    expect(() => decodeCbor(many)).toThrow('items');
  });

  it('meets hostile bytes with a ProtocolError, never anything else', () => {
    const random = new SeededRandom(7);
    const frames = vectors.frames.map((vector) => hex(vector.frameHex));
    const deadline = performance.now() + 2_000;
    for (let round = 0; round < 20_000 && performance.now() < deadline; round += 1) {
      const bytes = Buffer.from(frames[random.below(frames.length)] ?? []);
      for (let flips = random.below(4) + 1; flips > 0; flips -= 1)
        bytes[9 + random.below(bytes.length - 9)] = random.below(256);
      try {
        decodeMessage({ flags: 0, body: bytes.subarray(9) });
      } catch (error) {
        expect(error, bytes.toString('hex')).toBeInstanceOf(ProtocolError);
      }
    }
  });
});
