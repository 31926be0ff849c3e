import { SeededRandom } from '@microsandbox/test-utils';
import { ProtocolError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { vectors } from '../test/vectors.ts';
import { MAX_FRAME_SIZE } from './constants.ts';
import { encodeFrame } from './frame.ts';
import { type FrameMemory, FrameReceiver } from './frame-receiver.ts';

const stream = Buffer.concat(vectors.frames.map((vector) => Buffer.from(vector.frameHex, 'hex')));

/** Pieces of 20 000 bytes at least; `reused` says whether a piece may be written to again. */
function memoryOf({ reused }: { readonly reused: boolean }): FrameMemory & { taken: number } {
  return {
    taken: 0,
    take(bytes) {
      this.taken += 1;
      return Buffer.alloc(Math.max(bytes, 20_000));
    },
    isFree: () => reused,
  };
}

function* framesOf(receiver: FrameReceiver) {
  for (let frame = receiver.next(); frame !== null; frame = receiver.next()) yield frame;
}

/** Lets a receiver read `bytes` in pieces, like a socket, and copies every frame. */
function readAll(receiver: FrameReceiver, bytes: Buffer, pieceSize: () => number): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const room = receiver.room();
    const count = bytes.copy(room, 0, at, Math.min(bytes.length, at + pieceSize()));
    receiver.push(room.subarray(0, count));
    for (const frame of framesOf(receiver)) frames.push(Buffer.from(frame.bytes));
    at += count;
  }
  return frames;
}

/** A frame whose length says `size`, filled with zeros. */
function frameOfSize(size: number): Buffer {
  const bytes = Buffer.alloc(4 + size);
  bytes.writeUInt32BE(size, 0);
  return bytes;
}

describe('FrameReceiver', () => {
  it.each([true, false])('reads frames in pieces of any size (memory reused: %s)', (reused) => {
    const random = new SeededRandom(3);
    for (let round = 0; round < 60; round++) {
      const sizes = Array.from({ length: 12 }, () => random.below(random.below(2) === 0 ? 50 : 70_000));
      const sent = sizes.map((size, id) => encodeFrame({ id, flags: 1, body: Buffer.alloc(size, id + 1) }));
      const frames = readAll(
        new FrameReceiver(memoryOf({ reused })),
        Buffer.concat(sent),
        () => 1 + random.below(30_000),
      );
      expect(frames.length).toBe(sent.length);
      expect(Buffer.concat(frames).equals(Buffer.concat(sent))).toBe(true);
    }
  });

  it('takes bytes that were read elsewhere, whatever the boundary', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const receiver = new FrameReceiver(memoryOf({ reused: false }));
      receiver.push(stream.subarray(0, cut));
      const frames = [...framesOf(receiver)];
      receiver.push(stream.subarray(cut));
      frames.push(...framesOf(receiver));
      expect(frames.map(({ id }) => id)).toEqual(vectors.frames.map(({ id }) => id));
      expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(stream)).toBe(true);
    }
  });

  it('never writes to a frame that it handed out while the memory is in use', () => {
    const receiver = new FrameReceiver(memoryOf({ reused: false }));
    const frames = [];
    const sent = [];
    for (let id = 0; id < 40; id++) {
      const frame = encodeFrame({ id, flags: 0, body: Buffer.alloc(3000, id) });
      sent.push(frame);
      receiver.push(frame);
      frames.push(...framesOf(receiver));
    }
    expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(Buffer.concat(sent))).toBe(true);
  });

  it('needs one piece of memory as long as nobody reads there', () => {
    const memory = memoryOf({ reused: true });
    const receiver = new FrameReceiver(memory);
    const frame = encodeFrame({ id: 1, flags: 0, body: Buffer.alloc(3000) });
    readAll(receiver, Buffer.concat(Array.from({ length: 100 }, () => frame)), () => 5000);
    expect(memory.taken).toBe(1);
  });

  it('refuses lengths of 4 and of 4194305 and goes on behind them', () => {
    const receiver = new FrameReceiver(memoryOf({ reused: true }));
    receiver.push(Buffer.concat([frameOfSize(4), frameOfSize(5)]));
    expect(() => receiver.next()).toThrow(new ProtocolError('frame payload too short: 4 bytes (minimum 5)'));
    expect(receiver.next()?.body).toHaveLength(0);
    const refused = frameOfSize(MAX_FRAME_SIZE + 1);
    receiver.push(refused.subarray(0, 3));
    expect(receiver.next()).toBeNull();
    receiver.push(refused.subarray(3, 1000));
    expect(() => receiver.next()).toThrow('frame too large: 4194305 bytes (max 4194304)');
    expect(receiver.next()).toBeNull();
    receiver.push(Buffer.concat([refused.subarray(1000), frameOfSize(6)]));
    expect(receiver.next()?.body).toHaveLength(1);
  });

  it('does not reserve what was only announced', () => {
    const receiver = new FrameReceiver({ take: (bytes) => Buffer.alloc(bytes), isFree: () => true });
    receiver.push(frameOfSize(MAX_FRAME_SIZE).subarray(0, 100));
    expect(receiver.next()).toBeNull();
    expect(receiver.room().length).toBeLessThan(64 * 1024);
  });
});
