import { SeededRandom } from '@microsandbox/test-utils';
import { ProtocolError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { vectors } from '../test/vectors.ts';
import { MAX_FRAME_SIZE } from './constants.ts';
import { encodeFrame } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';

const stream = Buffer.concat(vectors.frames.map((vector) => Buffer.from(vector.frameHex, 'hex')));

/** A frame whose length prefix says `size`, filled with zeros. */
function frameOfSize(size: number): Buffer {
  const bytes = Buffer.alloc(4 + size);
  bytes.writeUInt32BE(size, 0);
  return bytes;
}

describe('FrameDecoder', () => {
  it('decodes whatever the boundary the stream is split at', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const decoder = new FrameDecoder();
      const frames = [...decoder.push(stream.subarray(0, cut)), ...decoder.push(stream.subarray(cut))];
      expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(stream)).toBe(true);
      expect(decoder.incomplete).toBe(false);
    }
  });

  it('decodes byte by byte, and pieces pushed before the frames are read', () => {
    const decoder = new FrameDecoder();
    const frames = [];
    for (const byte of stream) frames.push(...decoder.push(Buffer.from([byte])));
    expect(frames.map((frame) => frame.id)).toEqual(vectors.frames.map((vector) => vector.id));

    const lazy = new FrameDecoder();
    lazy.push(stream.subarray(0, 50));
    lazy.push(stream.subarray(50));
    expect([...lazy.frames()]).toHaveLength(vectors.frames.length);
  });

  it('keeps earlier frames intact while it gathers later ones', () => {
    const decoder = new FrameDecoder();
    const first = [...decoder.push(stream.subarray(0, 20)), ...decoder.push(stream.subarray(20, 40))];
    const before = first.map((frame) => frame.bytes.toString('hex'));
    for (const _ of decoder.push(stream.subarray(40)))
      expect(first.map((f) => f.bytes.toString('hex'))).toEqual(before);
  });

  it.each([5, MAX_FRAME_SIZE])('accepts a length of %i', (size) => {
    const frames = [...new FrameDecoder().push(frameOfSize(size))];
    expect(frames).toHaveLength(1);
    expect(frames[0]?.body).toHaveLength(size - 5);
  });

  it('refuses a length of 4 and goes on behind it', () => {
    const decoder = new FrameDecoder();
    expect(() => [...decoder.push(Buffer.concat([frameOfSize(4), frameOfSize(5)]))]).toThrow(
      new ProtocolError('frame payload too short: 4 bytes (minimum 5)'),
    );
    expect([...decoder.frames()]).toHaveLength(1);
  });

  it('refuses 4194305 as soon as the length is there, steps over it and goes on', () => {
    const decoder = new FrameDecoder();
    const refused = frameOfSize(MAX_FRAME_SIZE + 1);
    expect(() => [...decoder.push(refused.subarray(0, 4))]).toThrow(
      new ProtocolError('frame too large: 4194305 bytes (max 4194304)'),
    );
    expect([...decoder.push(refused.subarray(4, 1_000))]).toEqual([]);
    expect([...decoder.push(Buffer.concat([refused.subarray(1_000), frameOfSize(6)]))]).toHaveLength(1);
  });

  it('steps over a refused frame whose length came in pieces', () => {
    const decoder = new FrameDecoder();
    const refused = frameOfSize(MAX_FRAME_SIZE + 1);
    expect([...decoder.push(refused.subarray(0, 3))]).toEqual([]);
    expect(() => [...decoder.push(refused.subarray(3))]).toThrow('frame too large');
    expect([...decoder.push(frameOfSize(5))]).toHaveLength(1);
  });

  it('yields the frames before a bad one', () => {
    const seen: number[] = [];
    const decoder = new FrameDecoder();
    expect(() => {
      for (const frame of decoder.push(Buffer.concat([frameOfSize(5), frameOfSize(4)])))
        seen.push(frame.body.length);
    }).toThrow(ProtocolError);
    expect(seen).toEqual([0]);
  });

  it('tells a stream that ends inside a frame', () => {
    const decoder = new FrameDecoder();
    expect([...decoder.push(stream.subarray(0, 7))]).toEqual([]);
    expect(() => decoder.end()).toThrow('unexpected end of stream');
  });

  it('takes megabytes in small pieces in linear time and space', () => {
    const decoder = new FrameDecoder();
    const frame = frameOfSize(MAX_FRAME_SIZE);
    const frames = [];
    for (let at = 0; at < frame.length; at += 97) frames.push(...decoder.push(frame.subarray(at, at + 97)));
    expect(frames).toHaveLength(1);
    expect(frames[0]?.bytes.equals(frame)).toBe(true);
  });

  it('survives random streams', () => {
    const random = new SeededRandom(11);
    const deadline = performance.now() + 1_000;
    for (let round = 0; round < 2_000 && performance.now() < deadline; round += 1) {
      const decoder = new FrameDecoder();
      for (let piece = 0; piece < 20; piece += 1) {
        const bytes = Buffer.from(
          Array.from({ length: random.below(40) }, () => random.below(4) && random.below(256)),
        );
        try {
          for (const frame of decoder.push(bytes)) expect(frame.bytes.length).toBe(frame.body.length + 9);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }
  });
});

describe('encodeFrame', () => {
  it('refuses a frame over the limit', () => {
    const body = Buffer.alloc(MAX_FRAME_SIZE - 5);
    expect(encodeFrame({ id: 1, flags: 0, body })).toHaveLength(MAX_FRAME_SIZE + 4);
    expect(() => encodeFrame({ id: 1, flags: 0, body: Buffer.alloc(MAX_FRAME_SIZE - 4) })).toThrow(
      'frame too large: 4194305 bytes (max 4194304)',
    );
  });
});
